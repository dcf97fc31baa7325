//! How many places a class has: more while its requests are quick and want them, fewer when they are slow (AIMD).
//!
//! Slow is what takes longer than the target and also much longer than the quickest of late: a database that is slow for
//! everybody answers none sooner because fewer ask.

use std::time::Duration;

/// What is decided on.
const WINDOW: Duration = Duration::from_millis(100);
/// Fewer requests than this say nothing yet…
const SEEN_MIN: u32 = 10;
/// …but after this long they must do.
const WINDOW_MAX: Duration = Duration::from_secs(1);
/// What takes so many times as long as the quickest has waited for others.
const SLOWER: u32 = 3;
/// The quickest of a window counts for so much of what is known of the quickest, if it is slower.
const DRIFT: u32 = 32;

/// What the places of a class move between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) floor: u32,
    /// As few as it may come to while somebody more important waits.
    pub(super) yielding: u32,
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
    all: Duration,
    quickest: Duration,
    /// The quickest of late.
    base: Option<Duration>,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decided {
    /// Places.
    pub(super) limit: u32,
    /// How many may stand in line, so that those there are served in time.
    pub(super) room: u32,
}

impl Control {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            limit: bounds.start,
            since: Duration::ZERO,
            seen: 0,
            slow: 0,
            all: Duration::ZERO,
            quickest: Duration::MAX,
            base: None,
        }
    }

    /// A request took so long; `true` when it is time to decide.
    pub(super) fn note(&mut self, took: Duration, now: Duration) -> bool {
        if self.seen == 0 {
            // Not from the end of the last one: nobody may have come for an hour.
            self.since = now;
        }
        self.seen += 1;
        let slow = self.base.map_or(self.bounds.target, |base| self.bounds.target.max(base * SLOWER));
        self.slow += u32::from(took > slow);
        self.all += took;
        self.quickest = self.quickest.min(took);
        let age = now.saturating_sub(self.since);
        (age >= WINDOW && self.seen >= SEEN_MIN) || age >= WINDOW_MAX
    }

    /// The places from now on. `was_full`: more were wanted; `pressed`: somebody more important waits. Nobody is to stand in
    /// line who will probably not be served within a quarter of `patience`: what is probable is not certain.
    pub(super) fn decide(&mut self, was_full: bool, pressed: bool, patience: Duration) -> Decided {
        let is_slow = self.slow * 10 > self.seen && self.base.is_some();
        if is_slow || pressed {
            let floor = if pressed { self.bounds.yielding } else { self.bounds.floor };
            // Who is below the floor already, having yielded, stays there.
            self.limit = (self.limit - self.limit.div_ceil(5)).max(floor.min(self.limit));
        } else if was_full {
            self.limit = (self.limit + (self.limit / 10).max(1)).min(self.bounds.ceiling);
        }
        let quickest = self.quickest;
        let drifted =
            |base: Duration| if quickest < base { quickest } else { base + quickest.saturating_sub(base) / DRIFT };
        self.base = Some(self.base.map_or(quickest, drifted));
        let mean = (self.all / self.seen.max(1)).max(Duration::from_micros(1));
        // As many are done in that time as there are places, times how often one of them is done with.
        let room = u128::from(self.limit) * patience.as_micros() / 4 / mean.as_micros();
        (self.seen, self.slow, self.all, self.quickest) = (0, 0, Duration::ZERO, Duration::MAX);
        Decided { limit: self.limit, room: u32::try_from(room).unwrap_or(u32::MAX).clamp(1, self.limit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const BOUNDS: Bounds =
        Bounds { floor: 10, yielding: 5, start: 40, ceiling: 80, target: Duration::from_millis(250) };

    /// A window of requests that all take so long; what is decided after it.
    fn window(control: &mut Control, now: &mut Duration, took: Duration, pressed: bool) -> Decided {
        while !control.note(took, *now) {
            *now += MS(10);
        }
        control.decide(true, pressed, MS(100))
    }

    #[test]
    fn places_shrink_while_requests_are_slow_and_come_back_within_ten_seconds() {
        let (mut control, mut now) = (Control::new(BOUNDS), MS(0));
        assert_eq!(window(&mut control, &mut now, MS(20), false).limit, 44);
        let shrinking: Vec<_> = (0..8).map(|_| window(&mut control, &mut now, MS(700), false).limit).collect();
        assert_eq!(shrinking, [35, 28, 22, 17, 13, 10, 10, 10]);
        let began = now;
        while window(&mut control, &mut now, MS(20), false).limit < 80 {}
        assert!(now < began + Duration::from_secs(10), "{now:?}");
    }

    #[test]
    fn a_database_that_is_slow_for_everybody_costs_no_places() {
        let (mut control, mut now) = (Control::new(BOUNDS), MS(0));
        for _ in 0..10 {
            assert!(window(&mut control, &mut now, MS(600), false).limit >= 40);
        }
    }

    #[test]
    fn one_slow_request_of_ten_is_forgiven_and_a_few_late_ones_are_looked_at() {
        let (mut control, mut now) = (Control::new(BOUNDS), MS(0));
        window(&mut control, &mut now, MS(20), false);
        let took = |number: u64| if number == 5 { MS(900) } else { MS(20) };
        let decided = (0..10).map(|number| control.note(took(number), now + MS(number * 12))).collect::<Vec<_>>();
        assert_eq!(decided.iter().position(|decided| *decided), Some(9));
        assert_eq!(control.decide(true, false, MS(100)).limit, 48);
        assert!(!control.note(MS(900), MS(5_000)) && control.note(MS(900), MS(6_000)));
        assert_eq!(control.decide(true, false, MS(100)).limit, 38);
    }

    #[test]
    fn who_is_less_important_yields_further_and_comes_back() {
        let (mut control, mut now) = (Control::new(BOUNDS), MS(0));
        for _ in 0..20 {
            window(&mut control, &mut now, MS(20), true);
        }
        assert_eq!(control.limit, 5);
        assert_eq!(window(&mut control, &mut now, MS(20), false).limit, 6);
        assert_eq!(window(&mut control, &mut now, MS(900), false).limit, 6, "slow, but below its floor already");
    }

    #[test]
    fn as_many_stand_in_line_as_are_served_in_a_quarter_of_the_time() {
        let (mut control, mut now) = (Control::new(BOUNDS), MS(0));
        // 44 places, each free again after 200 ms: five of them within 25 ms.
        assert_eq!(window(&mut control, &mut now, MS(200), false), Decided { limit: 44, room: 5 });
        assert_eq!(window(&mut control, &mut now, MS(1), false).room, 48, "and never more than there are places");
    }
}
