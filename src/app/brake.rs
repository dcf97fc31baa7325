//! A bound on calls that are refused, for an interface that turns away whoever is refused too often.

use crate::model::time::Timestamp;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// At most so many refused calls in a span, over this process. A call takes a place before it is made and gives it back
/// when it went well: so also calls that are under way at the same moment stay below the bound, while calls that go well
/// are not held up. (A rate limiter counts what is let through, not how it ended.)
#[derive(Debug)]
pub struct Brake {
    most: usize,
    span: Duration,
    taken: Mutex<VecDeque<Timestamp>>,
}

impl Brake {
    /// At most `most` refused calls within `span`.
    pub fn new(most: usize, span: Duration) -> Self {
        Self { most, span, taken: Mutex::default() }
    }

    /// Take a place for a call that is about to be made; `false` when there is none, and the call must wait.
    pub fn take(&self, now: Timestamp) -> bool {
        let mut taken = self.lock();
        // What lies ahead is from before the clock stepped back.
        taken.retain(|at| *at <= now && now.since(*at) < self.span);
        let free = taken.len() < self.most;
        if free {
            taken.push_back(now);
        }
        free
    }

    /// The call of that moment was not refused, or not made.
    pub fn give_back(&self, at: Timestamp) {
        let mut taken = self.lock();
        if let Some(place) = taken.iter().position(|one| *one == at) {
            taken.remove(place);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Timestamp>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refused_calls_use_up_the_span() {
        let (brake, second) = (Brake::new(2, Duration::from_secs(1)), |count: i64| Timestamp(count * 1_000));
        for _ in 0..10 {
            assert!(brake.take(second(1)));
            brake.give_back(second(1));
        }
        let taken: Vec<_> = (0..3).map(|_| brake.take(second(1))).collect();
        assert_eq!(taken, [true, true, false]);
        assert!(!brake.take(Timestamp(1_999)), "the span is not over");
        assert!(brake.take(second(2)));
        assert!(brake.take(second(1)), "a clock that steps back does not stop everything");
    }
}
