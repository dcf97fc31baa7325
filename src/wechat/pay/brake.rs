//! Keeps failing refund calls below what WeChat Pay takes: 150 good ones a second, but only six that fail, after which
//! the good ones are refused too. Official page: 退款申请 (频率限制).
//!
//! The limit is the merchant's and a node knows only itself. So a node that fails nowhere may have six calls under way; one
//! that failed within the last minute keeps to two a second, and three such nodes stay at six.

use crate::model::time::Timestamp;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Calls under way and failed within a second, while nothing fails.
const CALM_MAX: usize = 6;
/// The same after a failure.
const TROUBLED_MAX: usize = 2;
/// A failure counts against the rate for so long,
const SECOND_MS: u64 = 1_000;
/// and makes us careful for so long.
const TROUBLE_MS: u64 = 60_000;

#[derive(Debug, Default)]
pub(super) struct Brake(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    under_way: usize,
    failed: VecDeque<Timestamp>,
}

/// Leave to make one call. Dropped without a word it counts as failed: nobody knows how the call ended.
#[derive(Debug)]
pub(super) struct Leave<'a> {
    brake: &'a Brake,
    now: Timestamp,
    failed: bool,
}

impl Brake {
    /// Leave to call now, or `None`: later.
    pub(super) fn begin(&self, now: Timestamp) -> Option<Leave<'_>> {
        let mut state = self.state();
        let free = state.is_free(now);
        state.under_way += usize::from(free);
        drop(state);
        free.then_some(Leave { brake: self, now, failed: true })
    }

    /// Whether there would be leave now.
    pub(super) fn is_free(&self, now: Timestamp) -> bool {
        self.state().is_free(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_free(&mut self, now: Timestamp) -> bool {
        // By distance, so that a clock that was set back does not hold us up.
        self.failed.retain(|at| at.0.abs_diff(now.0) < TROUBLE_MS);
        let recent = self.failed.iter().filter(|at| at.0.abs_diff(now.0) < SECOND_MS).count();
        let most = if self.failed.is_empty() { CALM_MAX } else { TROUBLED_MAX };
        self.under_way + recent < most
    }
}

impl Leave<'_> {
    /// The call ended at this moment, well or not.
    pub(super) fn end(mut self, failed: bool, now: Timestamp) {
        (self.failed, self.now) = (failed, now);
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut state = self.brake.state();
        state.under_way = state.under_way.saturating_sub(1);
        if self.failed {
            state.failed.push_back(self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn six_calls_fail_in_the_first_second_and_two_in_any_other() {
        let (brake, start) = (Brake::default(), Timestamp(1_795_000_000_000));
        let fail_all = |now: Timestamp| {
            let given: Vec<_> = std::iter::from_fn(|| brake.begin(now)).collect();
            let count = given.len();
            for leave in given {
                leave.end(true, now);
            }
            assert!(brake.begin(now).is_none(), "nothing more within this second");
            count
        };
        assert_eq!(fail_all(start), CALM_MAX);
        for second in 1..10 {
            assert_eq!(fail_all(start.plus(Duration::from_secs(second))), TROUBLED_MAX);
        }
        let calm = start.plus(Duration::from_secs(9 + 60));
        for _ in 0..100 {
            brake.begin(calm).expect("good calls are not counted").end(false, calm);
        }
        assert_eq!(fail_all(calm), CALM_MAX);
    }

    #[test]
    fn a_call_that_nobody_ends_counts_as_failed() {
        let (brake, now) = (Brake::default(), Timestamp(1_795_000_000_000));
        for _ in 0..TROUBLED_MAX {
            drop(brake.begin(now).expect("leave"));
        }
        assert!(brake.begin(now).is_none());
    }
}
