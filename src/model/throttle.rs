//! What holds jobs back: a pause, a number that may run at a time, a number that may begin in a minute.

use std::{collections::BTreeMap, time::Duration};

word_enum! {
    /// What is held back.
    pub enum Scope {
        /// All jobs of a kind.
        Kind = "kind",
        /// All jobs of a queue.
        Queue = "queue",
    }
}

/// The time in which `per_minute` counts.
pub const MINUTE: Duration = Duration::from_mins(1);

/// One kind or queue that is held back.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Throttle {
    /// Whether `name` is that of a kind or of a queue.
    pub scope: Scope,
    /// Which.
    pub name: String,
    /// Whether none may begin.
    pub paused: bool,
    /// How many may run at a time over all nodes.
    pub running_max: Option<i64>,
    /// How many may begin in any minute over all nodes; of kinds only.
    pub per_minute: Option<i64>,
}

impl Throttle {
    /// One that holds nothing back.
    pub fn none(scope: Scope, name: &str) -> Self {
        Self { scope, name: name.to_owned(), paused: false, running_max: None, per_minute: None }
    }
    /// Whether it holds nothing back.
    pub const fn is_none(&self) -> bool {
        !self.paused && self.running_max.is_none() && self.per_minute.is_none()
    }
}

/// How many more may begin now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance(BTreeMap<(&'static str, String), i64>);

impl Allowance {
    /// By what is held back; `running` counts jobs by kind and queue, `started` those that began in the last minute by kind.
    pub fn of(throttles: &[Throttle], running: &[(String, String, i64)], started: &BTreeMap<String, i64>) -> Self {
        let left = |throttle: &Throttle| {
            if throttle.paused {
                return 0;
            }
            let runs = running
                .iter()
                .filter(|(kind, queue, _)| throttle.name == *if throttle.scope == Scope::Kind { kind } else { queue });
            let runs: i64 = runs.map(|(_, _, count)| count).sum();
            let by_running = throttle.running_max.map_or(i64::MAX, |most| most - runs);
            let began = started.get(&throttle.name).copied().unwrap_or(0);
            let by_minute = throttle.per_minute.map_or(i64::MAX, |most| most - began);
            by_running.min(by_minute).max(0)
        };
        Self(throttles.iter().map(|one| ((one.scope.word(), one.name.clone()), left(one))).collect())
    }
    /// How many of this kind may begin in this queue.
    pub fn left(&self, kind: &str, queue: &str) -> i64 {
        let of = |scope: Scope, name: &str| self.0.get(&(scope.word(), name.to_owned())).copied().unwrap_or(i64::MAX);
        of(Scope::Kind, kind).min(of(Scope::Queue, queue))
    }
    /// Let one begin, if one may.
    pub fn take(&mut self, kind: &str, queue: &str) -> bool {
        if self.left(kind, queue) == 0 {
            return false;
        }
        for key in [(Scope::Kind.word(), kind.to_owned()), (Scope::Queue.word(), queue.to_owned())] {
            if let Some(left) = self.0.get_mut(&key) {
                *left = left.saturating_sub(1);
            }
        }
        true
    }
}

refusals! {
    /// Why nothing is held back.
    pub enum ThrottleRefusal {
        /// A limit below one, or a rate for a queue.
        LimitInvalid = Invalid, "throttle.limit_invalid", "a limit is 1 or more, and only a kind is limited a minute";
    }
}
plain_refusal!(ThrottleRefusal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_limit_counts_and_what_is_not_named_is_free() {
        let throttles = [
            Throttle { running_max: Some(3), ..Throttle::none(Scope::Kind, "a") },
            Throttle { running_max: Some(2), ..Throttle::none(Scope::Queue, "q") },
            Throttle { per_minute: Some(5), ..Throttle::none(Scope::Kind, "b") },
            Throttle { paused: true, ..Throttle::none(Scope::Kind, "c") },
        ];
        let running = [("a".to_owned(), "q".to_owned(), 1), ("a".to_owned(), "r".to_owned(), 1)];
        let mut left = Allowance::of(&throttles, &running, &[("b".to_owned(), 2)].into());
        let all = [("a", "q"), ("a", "r"), ("b", "r"), ("b", "q"), ("c", "r"), ("x", "y")];
        assert_eq!(all.map(|(kind, queue)| left.left(kind, queue)), [1, 1, 3, 1, 0, i64::MAX]);
        assert!(left.take("b", "q") && !left.take("a", "q") && left.take("a", "r") && !left.take("a", "r"));
        assert_eq!(left.left("b", "r"), 2);
    }
}
