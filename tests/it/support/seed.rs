//! Chance that can be had again: one seed, which is printed.

use super::variable;
use std::sync::atomic::{AtomicU64, Ordering};
use weizhan::app::random_number;

/// Random numbers from a seed (`SplitMix64`). It is shared by reference; only the order in which numbers are asked for
/// matters.
#[derive(Debug)]
pub struct Seed(AtomicU64);

impl Seed {
    /// Of a part of a run, from a number of the whole.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// That of this run: `WEIZHAN_TEST_SEED`, or a new one. It is printed, to be given again.
    pub fn of_run() -> Self {
        let seed = variable("WEIZHAN_TEST_SEED").map_or_else(|| random_number(1 << 32), |text| text.parse().unwrap());
        println!("WEIZHAN_TEST_SEED={seed}");
        Self(AtomicU64::new(seed))
    }

    /// Any number.
    pub fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one.
    pub fn below(&self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    /// Yes, one time in so many.
    pub fn one_in(&self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// In a random order.
    pub fn shuffle<T>(&self, list: &mut [T]) {
        for place in (1..list.len()).rev() {
            list.swap(place, self.below(place + 1));
        }
    }
}
