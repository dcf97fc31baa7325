//! Those who wait, each since some moment.

use std::{collections::VecDeque, time::Duration};

/// A line. The oldest comes first, unless it has waited so long that it will probably be gone before it is served: then
/// the newest does, so that some are served in time instead of all too late.
#[derive(Debug)]
pub(super) struct Line<T> {
    waiting: VecDeque<(Duration, T)>,
    patience: Duration,
}

impl<T> Line<T> {
    /// In which everybody waits for so long and then leaves.
    pub(super) fn new(patience: Duration) -> Self {
        Self { waiting: VecDeque::new(), patience }
    }
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)
    }
    pub(super) fn push(&mut self, one: T, now: Duration) {
        self.waiting.push_back((now, one));
    }
    /// Who is served now.
    pub(super) fn next(&mut self, now: Duration) -> Option<T> {
        let is_saturated =
            self.waiting.front().is_some_and(|(since, _)| now.saturating_sub(*since) > self.patience / 2);
        let next = if is_saturated { self.waiting.pop_back() } else { self.waiting.pop_front() };
        next.map(|(_, one)| one)
    }
    /// Let go of those who have left.
    pub(super) fn forget(&mut self, has_left: impl Fn(&T) -> bool) {
        self.waiting.retain(|(_, one)| !has_left(one));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_served_until_waiting_is_in_vain_and_then_the_newest() {
        let ms = Duration::from_millis;
        let mut line = Line::new(ms(100));
        for (number, at) in (0..6).zip([0, 10, 20, 30, 90, 120]) {
            line.push(number, ms(at));
        }
        assert_eq!([line.next(ms(40)), line.next(ms(50))], [Some(0), Some(1)]);
        // The third has waited for 81 of its 100 ms.
        assert_eq!([line.next(ms(121)), line.next(ms(121))], [Some(5), Some(4)]);
        line.forget(|number| *number == 2);
        assert_eq!([line.next(ms(70)), line.next(ms(70))], [Some(3), None]);
    }
}
