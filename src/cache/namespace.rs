//! What is known about one kind of entry: its counters, its generation, and what Redis has missed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

/// How the reads of one kind of entry went, since this process started.
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
            missed: AtomicU64::new(0),
            settled: AtomicU64::new(0),
        }
    }
    pub(super) fn counts(&self) -> Counts {
        Counts {
            namespace: self.name,
            l1_hits: self.l1_hits.load(Relaxed),
            l2_hits: self.l2_hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            errors: self.errors.load(Relaxed),
        }
    }
    pub(super) fn count_l1_hit(&self) {
        self.l1_hits.fetch_add(1, Relaxed);
    }
    pub(super) fn count_l2_hit(&self) {
        self.l2_hits.fetch_add(1, Relaxed);
    }
    pub(super) fn count_miss(&self) {
        self.misses.fetch_add(1, Relaxed);
    }
    pub(super) fn count_error(&self) {
        self.errors.fetch_add(1, Relaxed);
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
