//! The arithmetic of a limit: GCRA, with a burst of a whole minute.
//!
//! A caller is one number: when its allowance will be whole again. How far off that is says what part of the allowance
//! is used, whatever the allowance is; so a limit may change, or be shared out among nodes, without touching callers.

use std::time::Duration;

/// A moment of this process, or a length, in nanoseconds.
pub(super) type Nanos = u64;

/// The time in which a whole allowance comes back.
pub(super) const WINDOW: Nanos = 60_000_000_000;

/// So many calls a minute, and as many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gcra {
    /// What one call costs.
    interval: Nanos,
    /// How far ahead of the present a caller may be.
    tolerance: Nanos,
}

impl Gcra {
    /// One of `share` equal parts of a limit. Even the smallest part lets somebody through once in its time.
    pub(super) fn new(per_minute: u32, share: u32) -> Self {
        let interval = WINDOW / u64::from(per_minute.max(1)) * u64::from(share.max(1));
        let whole = WINDOW / u64::from(per_minute.max(1)) * u64::from(per_minute.max(1));
        Self { interval, tolerance: whole.max(interval) }
    }
    /// What one call costs.
    pub(super) const fn interval(&self) -> Nanos {
        self.interval
    }
    /// How far ahead of the present a caller may be.
    pub(super) const fn tolerance(&self) -> Nanos {
        self.tolerance
    }
    /// Whether a call may come now, and nothing else; if not, how long to wait.
    pub(super) fn admits(&self, whole_at: Nanos, now: Nanos) -> Result<(), Duration> {
        let ahead = whole_at.max(now) + self.interval - now;
        if ahead <= self.tolerance { Ok(()) } else { Err(Duration::from_nanos(ahead - self.tolerance)) }
    }
    /// Count a call, if it may come now; if not, how long to wait.
    pub(super) fn take(&self, whole_at: &mut Nanos, now: Nanos) -> Result<(), Duration> {
        self.admits(*whole_at, now)?;
        self.charge(whole_at, now, 1);
        Ok(())
    }
    /// Count calls that have been let through.
    pub(super) fn charge(&self, whole_at: &mut Nanos, now: Nanos, calls: u32) {
        *whole_at = (*whole_at).max(now) + self.interval * u64::from(calls);
    }
    /// Calls that are left at this moment.
    pub(super) fn remaining(&self, whole_at: Nanos, now: Nanos) -> u32 {
        let free = self.tolerance.saturating_sub(whole_at.saturating_sub(now));
        u32::try_from(free / self.interval.max(1)).unwrap_or(u32::MAX)
    }
}
