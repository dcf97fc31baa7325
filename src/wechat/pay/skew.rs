//! Whether our clock and WeChat Pay's part. A notice that WeChat truly signed, but not within five minutes of now, is
//! refused like any old one; when many are, it is hardly replays, and nothing would be paid until somebody looks.

use crate::model::time::{Timestamp, minutes};
use std::sync::{Mutex, PoisonError};

/// Counts begin anew after this time.
const WINDOW_MINUTES: u64 = 10;
/// Fewer old notices than this say nothing.
const STALE_MIN: u32 = 3;
/// One in so many may be old.
const SHARE: u32 = 5;

/// Counts truly signed notices, fresh and old.
#[derive(Debug, Default)]
pub(super) struct SkewWatch(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Timestamp,
    fresh: u32,
    stale: u32,
    told: bool,
}

impl SkewWatch {
    /// A truly signed notice came. `true`, once a window, when more than a fifth of them are old.
    pub(super) fn note(&self, fresh: bool, now: Timestamp) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.0.abs_diff(window.began.0) >= u64::try_from(minutes(WINDOW_MINUTES).as_millis()).unwrap_or(u64::MAX) {
            *window = Window { began: now, ..Window::default() };
        }
        window.fresh = window.fresh.saturating_add(u32::from(fresh));
        window.stale = window.stale.saturating_add(u32::from(!fresh));
        let many = window.stale >= STALE_MIN && window.stale > window.fresh.saturating_add(window.stale) / SHARE;
        let news = many && !window.told;
        window.told |= many;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_fifth_of_old_notices_is_an_alarm_once_in_ten_minutes() {
        let (watch, start) = (SkewWatch::default(), Timestamp(1_795_000_000_000));
        let told = |fresh: bool, count: u32, now: Timestamp| (0..count).filter(|_| watch.note(fresh, now)).count();
        assert_eq!((told(true, 12, start), told(false, 3, start)), (0, 0), "3 of 15 are a fifth");
        assert_eq!((told(false, 1, start), told(false, 50, start)), (1, 0), "4 of 16 are more");
        let later = start.plus(minutes(WINDOW_MINUTES));
        assert_eq!((told(false, 2, later), told(false, 1, later)), (0, 1));
        assert_eq!(told(false, 3, start), 1, "a clock that was set back begins anew");
    }
}
