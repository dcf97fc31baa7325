//! How many places a class has: more while its requests are quick and want them, fewer when they are slow (AIMD).

use std::time::Duration;

/// What is decided on.
const WINDOW: Duration = Duration::from_millis(100);
/// Fewer requests than this say nothing yet…
const SEEN_MIN: u32 = 10;
/// …but after this long they must do.
const WINDOW_MAX: Duration = Duration::from_secs(1);

/// What the places of a class move between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) floor: u32,
    pub(super) start: u32,
    pub(super) ceiling: u32,
    /// Nine of ten requests are to take no longer.
    pub(super) target: Duration,
}

/// Looks at how long requests take.
#[derive(Debug)]
pub(super) struct Control {
    bounds: Bounds,
    limit: u32,
    since: Duration,
    seen: u32,
    slow: u32,
}

impl Control {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, limit: bounds.start, since: Duration::ZERO, seen: 0, slow: 0 }
    }

    /// A request took so long; `true` when it is time to decide.
    pub(super) fn note(&mut self, took: Duration, now: Duration) -> bool {
        if self.seen == 0 {
            // Not from the end of the last one: nobody may have come for an hour.
            self.since = now;
        }
        self.seen += 1;
        self.slow += u32::from(took > self.bounds.target);
        let age = now.saturating_sub(self.since);
        (age >= WINDOW && self.seen >= SEEN_MIN) || age >= WINDOW_MAX
    }

    /// The places from now on. `was_full`: more were wanted; `pressed`: somebody more important waits.
    pub(super) fn decide(&mut self, was_full: bool, pressed: bool) -> u32 {
        let is_slow = self.slow * 10 > self.seen;
        if is_slow || pressed {
            self.limit = (self.limit - self.limit.div_ceil(5)).max(self.bounds.floor);
        } else if was_full {
            self.limit = (self.limit + (self.limit / 10).max(1)).min(self.bounds.ceiling);
        }
        (self.seen, self.slow) = (0, 0);
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// A window of requests that all take so long; the places after it.
    fn window(control: &mut Control, now: &mut Duration, took: Duration, was_full: bool, pressed: bool) -> u32 {
        while !control.note(took, *now) {
            *now += MS(10);
        }
        control.decide(was_full, pressed)
    }

    #[test]
    fn places_shrink_while_requests_are_slow_and_come_back_within_ten_seconds() {
        let bounds = Bounds { floor: 10, start: 40, ceiling: 80, target: MS(250) };
        let (mut control, mut now) = (Control::new(bounds), MS(0));
        assert_eq!(window(&mut control, &mut now, MS(20), false, false), 40, "more are not wanted");
        let mut shrinking = (0..20).map(|_| window(&mut control, &mut now, MS(251), true, false)).collect::<Vec<_>>();
        assert_eq!((shrinking[0], shrinking[19]), (32, 10));
        shrinking.dedup();
        assert!(shrinking.is_sorted_by(|more, fewer| more > fewer), "{shrinking:?}");
        let began = now;
        while window(&mut control, &mut now, MS(20), true, false) < 80 {}
        assert!(now - began < Duration::from_secs(10), "{:?}", now - began);
    }

    #[test]
    fn one_slow_request_of_ten_is_forgiven_and_a_few_late_ones_are_looked_at() {
        let bounds = Bounds { floor: 1, start: 40, ceiling: 80, target: MS(250) };
        let mut control = Control::new(bounds);
        let took = |number: u64| if number == 5 { MS(900) } else { MS(20) };
        let decided = (0..10).map(|number| control.note(took(number), MS(number * 12))).collect::<Vec<_>>();
        assert_eq!(decided.iter().position(|decided| *decided), Some(9));
        assert_eq!(control.decide(true, false), 44);
        assert!(!control.note(MS(900), MS(5_000)) && control.note(MS(900), MS(6_000)));
        assert_eq!(control.decide(true, false), 35);
        assert!(!control.note(MS(1), MS(7_000)) && control.note(MS(1), MS(8_000)));
        assert_eq!(control.decide(true, true), 28, "somebody more important waits");
    }
}
