//! What is known about one kind of entry: its figures, its generation, and what Redis has missed.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst},
    time::Duration,
};

/// Upper bounds of [`Counts::load_us`], in microseconds; what took longer is in the last place.
pub const LOAD_BOUNDS_US: [u64; 9] = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000];

/// How the reads of one kind of entry went since this process started, and what it holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// The kind of entry.
    pub namespace: &'static str,
    /// Reads answered from this node's memory.
    pub l1_hits: u64,
    /// Reads answered from Redis.
    pub l2_hits: u64,
    /// Reads that ran their loader.
    pub misses: u64,
    /// Calls to Redis that failed, came too late, or were not made because Redis was failing.
    pub errors: u64,
    /// Loads that another node was making: they were waited for, whether in vain or not.
    pub waits: u64,
    /// Loads that ended well.
    pub loads: u64,
    /// How long they took in all, in microseconds.
    pub load_us_sum: u64,
    /// How long the longest took, in microseconds.
    pub load_us_max: u64,
    /// How many took at most so long, each by itself: see [`LOAD_BOUNDS_US`].
    pub load_us: [u64; LOAD_BOUNDS_US.len() + 1],
    /// Entries in this node's memory.
    pub l1_entries: u64,
    /// What they take, in bytes.
    pub l1_bytes: u64,
    /// What they may take, in bytes.
    pub l1_bytes_max: u64,
    /// Entries that had to go before their time for want of room.
    pub l1_evictions: u64,
    /// The greatest age of a value that was shown from either level, in milliseconds since it was read from the database; at
    /// most [`Counts::stale_ms_max`].
    pub age_ms_max: u64,
    /// The age no value is shown at, in milliseconds.
    pub stale_ms_max: u64,
}

/// The state of one kind of entry on this node.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: &'static str,
    generation: AtomicU64,
    l1_hits: AtomicU64,
    l2_hits: AtomicU64,
    misses: AtomicU64,
    errors: AtomicU64,
    waits: AtomicU64,
    loads: AtomicU64,
    load_us_sum: AtomicU64,
    load_us_max: AtomicU64,
    load_us: [AtomicU64; LOAD_BOUNDS_US.len() + 1],
    age_ms_max: AtomicU64,
    /// How many invalidations did not reach Redis.
    missed: AtomicU64,
    /// How many of those were made good.
    settled: AtomicU64,
}

impl Namespace {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            generation: AtomicU64::new(0),
            l1_hits: AtomicU64::new(0),
            l2_hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            loads: AtomicU64::new(0),
            load_us_sum: AtomicU64::new(0),
            load_us_max: AtomicU64::new(0),
            load_us: [const { AtomicU64::new(0) }; LOAD_BOUNDS_US.len() + 1],
            age_ms_max: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            settled: AtomicU64::new(0),
        }
    }
    /// The figures; those of the memory are the room's to add.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            namespace: self.name,
            l1_hits: self.l1_hits.load(Relaxed),
            l2_hits: self.l2_hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            errors: self.errors.load(Relaxed),
            waits: self.waits.load(Relaxed),
            loads: self.loads.load(Relaxed),
            load_us_sum: self.load_us_sum.load(Relaxed),
            load_us_max: self.load_us_max.load(Relaxed),
            load_us: std::array::from_fn(|place| self.load_us[place].load(Relaxed)),
            l1_entries: 0,
            l1_bytes: 0,
            l1_bytes_max: 0,
            l1_evictions: 0,
            age_ms_max: self.age_ms_max.load(Relaxed),
            stale_ms_max: 0,
        }
    }
    pub(super) fn count_l1_hit(&self, age: Duration) {
        self.l1_hits.fetch_add(1, Relaxed);
        self.count_age(age);
    }
    fn count_age(&self, age: Duration) {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        // Nearly always a look and no write.
        if age_ms > self.age_ms_max.load(Relaxed) {
            self.age_ms_max.fetch_max(age_ms, Relaxed);
        }
    }
    pub(super) fn count_l2_hit(&self, age: Duration) {
        self.l2_hits.fetch_add(1, Relaxed);
        self.count_age(age);
    }
    pub(super) fn count_miss(&self) {
        self.misses.fetch_add(1, Relaxed);
    }
    pub(super) fn count_error(&self) {
        self.errors.fetch_add(1, Relaxed);
    }
    pub(super) fn count_wait(&self) {
        self.waits.fetch_add(1, Relaxed);
    }
    pub(super) fn count_load(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.loads.fetch_add(1, Relaxed);
        self.load_us_sum.fetch_add(us, Relaxed);
        self.load_us_max.fetch_max(us, Relaxed);
        self.load_us[LOAD_BOUNDS_US.partition_point(|bound| *bound < us)].fetch_add(1, Relaxed);
    }

    /// Entries made under an older generation are no longer good.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(SeqCst)
    }
    pub(super) fn next_generation(&self) {
        self.generation.fetch_add(1, SeqCst);
    }

    /// An invalidation did not reach Redis: what lies there may be old.
    pub(super) fn miss_invalidation(&self) {
        self.missed.fetch_add(1, SeqCst);
    }
    /// The invalidations to make good before Redis is believed again, as a mark for [`Self::settle`].
    pub(super) fn unsettled(&self) -> Option<u64> {
        let missed = self.missed.load(SeqCst);
        (missed != self.settled.load(SeqCst)).then_some(missed)
    }
    /// The whole namespace was forgotten in Redis after `mark` was taken. One missed since then stays open.
    pub(super) fn settle(&self, mark: u64) {
        self.settled.fetch_max(mark, SeqCst);
    }
}
