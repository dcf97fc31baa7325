//! Stops calling a Redis that does not answer, so that an outage costs a read nothing.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Failures in a row that open the breaker.
const FAILURES_MAX: u32 = 5;
/// How long nobody calls after that; then one call tries for all.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts failures in a row. It measures with the monotonic clock, not the application's: it guards real calls, and
/// a wall clock that is set back must not keep it open.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    silent_until: Option<Instant>,
}

impl Breaker {
    /// Whether to call. After the pause one caller gets `true` and the others wait for what comes of it.
    pub(super) fn allows(&self) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        match state.silent_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.silent_until = Some(now + PAUSE);
                true
            }
        }
    }
    /// A call was answered.
    pub(super) fn succeed(&self) {
        *self.state() = State::default();
    }
    /// A call failed; `true` when nobody should call for a while now.
    pub(super) fn fail(&self) -> bool {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let opens = state.failures >= FAILURES_MAX;
        if opens {
            state.silent_until = Some(Instant::now() + PAUSE);
        }
        opens
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_stop_the_calls_and_one_success_resumes_them() {
        let breaker = Breaker::default();
        assert!((0..4).all(|_| !breaker.fail()) && breaker.allows());
        breaker.succeed();
        assert!((0..4).all(|_| !breaker.fail()) && breaker.allows());
        assert!(breaker.fail() && !breaker.allows());
        // As if the pause were over: one caller tries, the others still wait.
        breaker.state().silent_until = Some(Instant::now());
        assert!(breaker.allows() && !breaker.allows());
        assert!(breaker.fail() && !breaker.allows());
        breaker.succeed();
        assert!(breaker.allows() && !breaker.fail());
    }
}
