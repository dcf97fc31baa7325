//! What any layer counts with. To record in a [`Counter`], [`Level`] or [`Timing`] is one or two atomic additions: no lock,
//! no label is looked up, nothing is allocated. A [`Tally`] looks its labels up, for what is rare or slow by itself. A layer
//! keeps its meters where they are used; whoever scrapes reads them and gives them names.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Something that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }
    /// So many more.
    pub fn add_many(&self, count: usize) {
        self.0.fetch_add(count as u64, Relaxed);
    }
    /// How many since the process started.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Something that goes up and down.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

/// One of a [`Level`], until it is dropped.
#[derive(Debug)]
pub struct Held<'a>(&'a Level);

impl Level {
    /// One more, as long as this lives.
    pub fn hold(&self) -> Held<'_> {
        self.0.fetch_add(1, Relaxed);
        Held(self)
    }
    /// How many now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// Upper bounds of the classes of a [`Timing`], in microseconds: from what the cache answers to what WeChat takes.
pub const BOUNDS_MICROS: [u64; 13] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// How long something takes: a histogram.
#[derive(Debug, Default)]
pub struct Timing {
    classes: [AtomicU64; BOUNDS_MICROS.len() + 1],
    micros: AtomicU64,
}

/// What a [`Timing`] says at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// How many lie in each class of [`BOUNDS_MICROS`], and above the last.
    pub classes: [u64; BOUNDS_MICROS.len() + 1],
    /// The sum of all.
    pub micros: u64,
}

impl Timing {
    /// It took so long once more.
    pub fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = BOUNDS_MICROS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS_MICROS.len());
        self.classes[class].fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
    }
    /// What was noted since the process started.
    pub fn read(&self) -> Reading {
        Reading { classes: self.classes.each_ref().map(|class| class.load(Relaxed)), micros: self.micros.load(Relaxed) }
    }
}

impl Reading {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }
}

/// Timings by two words, such as a call and its outcome. It takes a lock: for what costs milliseconds anyway.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<(&'static str, &'static str), Timing>>);

impl Tally {
    /// It happened once more and took so long.
    pub fn note(&self, what: &'static str, how: &'static str, took: Duration) {
        self.lock().entry((what, how)).or_default().note(took);
    }
    /// All that was noted, by words.
    pub fn read(&self) -> Vec<(&'static str, &'static str, Reading)> {
        self.lock().iter().map(|((what, how), timing)| (*what, *how, timing.read())).collect()
    }
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(&'static str, &'static str), Timing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_lies_in_its_class() {
        let timing = Timing::default();
        for micros in [0, 100, 101, 250, 10_000_000, 10_000_001] {
            timing.note(Duration::from_micros(micros));
        }
        let read = timing.read();
        assert_eq!((read.classes[0], read.classes[1], read.classes[12], read.classes[13]), (2, 2, 1, 1));
        assert_eq!((read.count(), read.micros), (6, 20_000_452));
    }

    #[test]
    fn a_tally_keeps_words_apart() {
        let tally = Tally::default();
        for how in ["ok", "busy", "ok"] {
            tally.note("prepay", how, Duration::from_millis(3));
        }
        let read: Vec<_> = tally.read().into_iter().map(|(what, how, reading)| (what, how, reading.count())).collect();
        assert_eq!(read, [("prepay", "busy", 1), ("prepay", "ok", 2)]);
    }

    #[test]
    fn a_level_falls_when_its_holder_goes() {
        let level = Level::default();
        let (one, two) = (level.hold(), level.hold());
        assert_eq!(level.get(), 2);
        drop(one);
        assert_eq!(level.get(), 1);
        drop(two);
        assert_eq!(level.get(), 0);
    }
}
