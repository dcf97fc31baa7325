//! A bounded map whose first entry in is the first out.
//!
//! moka orders its entries by use and cannot be told not to. Where all entries live equally short, order of use is work
//! for nothing: here a read takes a shared lock, looks, and changes nothing.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Parts with a lock of their own.
const PARTS: usize = 16;

/// The map.
pub(super) struct Fifo<K, V> {
    parts: Vec<RwLock<Part<K, V>>>,
    bytes_max: u64,
    life_max: Duration,
    evictions: AtomicU64,
}

struct Part<K, V> {
    kept: HashMap<K, Kept<V>>,
    /// Keys as they came, with the turn of their entry. One whose entry has gone or was replaced is passed over.
    order: VecDeque<(K, u64)>,
    turn: u64,
    bytes: u64,
}

struct Kept<V> {
    value: V,
    turn: u64,
    bytes: u64,
    since: Instant,
}

impl<K: Clone + Eq + Hash, V: Clone> Fifo<K, V> {
    pub(super) fn new(bytes_max: u64, life_max: Duration) -> Self {
        let part = || RwLock::new(Part { kept: HashMap::new(), order: VecDeque::new(), turn: 0, bytes: 0 });
        Self {
            parts: std::iter::repeat_with(part).take(PARTS).collect(),
            bytes_max: bytes_max / PARTS as u64,
            life_max,
            evictions: AtomicU64::new(0),
        }
    }
    /// `hash` is the key's, by any hasher that stays the same.
    pub(super) fn get(&self, key: &K, hash: u64) -> Option<V> {
        let part = self.read(hash);
        let kept = part.kept.get(key)?;
        (kept.since.elapsed() < self.life_max).then(|| kept.value.clone())
    }
    pub(super) fn insert(&self, key: K, hash: u64, value: V, bytes: u64) {
        let mut guard = self.write(hash);
        let part = &mut *guard;
        let turn = part.turn;
        part.turn += 1;
        let replaced = part.kept.insert(key.clone(), Kept { value, turn, bytes, since: Instant::now() });
        part.bytes = part.bytes + bytes - replaced.map_or(0, |replaced| replaced.bytes);
        part.order.push_back((key, turn));
        while let Some((first, turn)) = part.order.front() {
            let kept = part.kept.get(first).filter(|kept| kept.turn == *turn);
            let over = kept.map(|kept| kept.since.elapsed() >= self.life_max);
            if over == Some(false) && part.bytes <= self.bytes_max {
                break;
            }
            let Some((key, _)) = part.order.pop_front() else { break };
            if let Some(over) = over
                && let Some(gone) = part.kept.remove(&key)
            {
                part.bytes -= gone.bytes;
                self.evictions.fetch_add(u64::from(!over), Relaxed);
            }
        }
        // A key that comes again and again behind one that stays.
        if part.order.len() > 2 * part.kept.len() + 64 {
            let kept = &part.kept;
            part.order.retain(|(key, turn)| kept.get(key).is_some_and(|kept| kept.turn == *turn));
        }
    }
    pub(super) fn remove(&self, key: &K, hash: u64) {
        let mut part = self.write(hash);
        if let Some(gone) = part.kept.remove(key) {
            part.bytes -= gone.bytes;
        }
    }
    pub(super) fn clear(&self) {
        for part in &self.parts {
            let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
            part.kept.clear();
            part.order.clear();
            part.bytes = 0;
        }
    }
    /// Entries and their bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        let sizes = self.parts.iter().map(|part| {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            (part.kept.len() as u64, part.bytes)
        });
        sizes.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }
    /// Entries that went before their time, for want of room.
    pub(super) fn evictions(&self) -> u64 {
        self.evictions.load(Relaxed)
    }
    fn read(&self, hash: u64) -> RwLockReadGuard<'_, Part<K, V>> {
        self.part(hash).read().unwrap_or_else(PoisonError::into_inner)
    }
    fn write(&self, hash: u64) -> RwLockWriteGuard<'_, Part<K, V>> {
        self.part(hash).write().unwrap_or_else(PoisonError::into_inner)
    }
    fn part(&self, hash: u64) -> &RwLock<Part<K, V>> {
        // The low bits choose the generation of a key.
        &self.parts[usize::try_from((hash >> 32) % PARTS as u64).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_in_is_the_first_out_however_often_it_is_read() {
        let fifo = Fifo::new(3 * PARTS as u64, Duration::from_mins(1));
        for key in 1..=3 {
            fifo.insert(key, 0, key, 1);
        }
        assert!((0..100).all(|_| fifo.get(&1, 0) == Some(1)));
        fifo.insert(4, 0, 4, 1);
        assert_eq!([1, 2, 3, 4].map(|key| fifo.get(&key, 0)), [None, Some(2), Some(3), Some(4)]);
        // What is put in anew stands at the end.
        fifo.insert(2, 0, 22, 1);
        fifo.insert(5, 0, 5, 1);
        assert_eq!([2, 3, 4, 5].map(|key| fifo.get(&key, 0)), [Some(22), None, Some(4), Some(5)]);
        assert_eq!((fifo.size(), fifo.evictions()), ((3, 3), 2));
        fifo.remove(&4, 0);
        assert_eq!((fifo.get(&4, 0), fifo.size()), (None, (2, 2)));
        fifo.clear();
        assert_eq!((fifo.get(&5, 0), fifo.size()), (None, (0, 0)));
    }

    #[test]
    fn what_is_over_goes_and_what_comes_again_takes_no_room() {
        let over = Fifo::new(1 << 20, Duration::ZERO);
        over.insert(1, 0, 1, 1);
        assert_eq!((over.get(&1, 0), over.size(), over.evictions()), (None, (0, 0), 0));
        let fifo = Fifo::new(1 << 20, Duration::from_mins(1));
        fifo.insert(0, 0, 0, 1);
        for turn in 0..10_000 {
            fifo.insert(1, 0, turn, 1);
        }
        assert!(fifo.parts[0].read().unwrap().order.len() < 100);
        assert_eq!((fifo.size(), fifo.get(&0, 0)), ((2, 2), Some(0)));
        // More than there is room for at all.
        fifo.insert(2, 0, 2, 1 << 20);
        assert_eq!(fifo.size(), (0, 0));
    }
}
