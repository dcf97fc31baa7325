//! Stops calling a Redis that does not answer, so that an outage costs a read nothing.
//!
//! The first failure opens it, and no read tries whether Redis is back: a task of the node does, at first after
//! [`PAUSE_MIN`], later less and less often. So a node pays for an outage once, and for a hiccup with a few loads.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst},
    time::Duration,
};
use tokio::sync::Notify;

/// Between the first failure and the first try.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// Between two tries at most.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Whether Redis is called.
#[derive(Debug)]
pub(super) struct Breaker {
    open: AtomicBool,
    opened: Notify,
    pause_ms: AtomicU64,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self { open: AtomicBool::new(false), opened: Notify::new(), pause_ms: AtomicU64::new(ms(PAUSE_MIN)) }
    }
    /// Whether to call.
    pub(super) fn allows(&self) -> bool {
        !self.open.load(SeqCst)
    }
    /// A call was answered.
    pub(super) fn succeed(&self) {
        if self.pause_ms.load(Relaxed) != ms(PAUSE_MIN) {
            self.pause_ms.store(ms(PAUSE_MIN), Relaxed);
        }
    }
    /// A call failed: nobody calls any more. `true` for the one that found it out.
    pub(super) fn fail(&self) -> bool {
        let first = !self.open.swap(true, SeqCst);
        if first {
            self.opened.notify_one();
        }
        first
    }
    /// Resolves when there is something to try; for one task.
    pub(super) async fn opened(&self) {
        while self.allows() {
            self.opened.notified().await;
        }
    }
    /// How long to wait before the next try: twice as long as before it, until a call is answered. A Redis that says
    /// hello and then fails at its work is not called all the time either.
    pub(super) fn pause(&self) -> Duration {
        let pause = self.pause_ms.load(Relaxed);
        self.pause_ms.store((pause * 2).min(ms(PAUSE_MAX)), Relaxed);
        Duration::from_millis(pause)
    }
    /// Redis is back.
    pub(super) fn close(&self) {
        self.open.store(false, SeqCst);
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_failure_stops_the_calls_until_a_try_went_well() {
        let breaker = Breaker::new();
        assert!(breaker.allows());
        assert!(breaker.fail() && !breaker.fail() && !breaker.allows());
        breaker.opened().await;
        let pauses: Vec<_> = (0..9).map(|_| breaker.pause().as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        breaker.close();
        assert!(breaker.allows());
        // It failed at once again: no call was answered in between.
        assert!(breaker.fail());
        assert_eq!(breaker.pause(), PAUSE_MAX);
        breaker.close();
        breaker.succeed();
        assert!(breaker.fail());
        assert_eq!(breaker.pause(), PAUSE_MIN);
    }
}
