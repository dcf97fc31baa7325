//! Where the entries of one kind lie in memory, whatever goes first when it is full.

use super::{
    fifo::Fifo,
    policy::{Eviction, Policy},
};
use moka::{notification::RemovalCause, policy::EvictionPolicy};
use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// What an entry takes beside its key and value, roughly: the bookkeeping of the map.
const ENTRY_BYTES: u64 = 200;

/// A bounded map.
pub(super) enum Store<K, V> {
    /// In order of use.
    Moka {
        /// Values with what they weigh.
        entries: moka::sync::Cache<K, (V, u32)>,
        /// Entries that went for want of room.
        evictions: Arc<AtomicU64>,
    },
    /// In order of arrival.
    Fifo(Fifo<K, V>),
}

impl<K, V> Store<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// `life_max` bounds the life of every entry also when the clock is set back.
    pub(super) fn new(policy: &Policy, bytes_max: u64, life_max: Duration) -> Self {
        let order = match policy.eviction {
            Eviction::TinyLfu => EvictionPolicy::tiny_lfu(),
            Eviction::Lru => EvictionPolicy::lru(),
            Eviction::Fifo => return Self::Fifo(Fifo::new(bytes_max, life_max)),
        };
        let evictions = Arc::new(AtomicU64::new(0));
        let counted = evictions.clone();
        let entries = moka::sync::Cache::builder()
            .max_capacity(bytes_max)
            .weigher(|_, (_, bytes): &(V, u32)| *bytes)
            .eviction_policy(order)
            .time_to_live(life_max)
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    counted.fetch_add(1, Relaxed);
                }
            })
            .build();
        Self::Moka { entries, evictions }
    }
    pub(super) fn get(&self, key: &K, hash: u64) -> Option<V> {
        match self {
            Self::Moka { entries, .. } => entries.get(key).map(|(value, _)| value),
            Self::Fifo(fifo) => fifo.get(key, hash),
        }
    }
    /// `bytes` is what the value takes.
    pub(super) fn insert(&self, key: &K, hash: u64, value: V, bytes: usize) {
        let bytes = bytes as u64 + size_of::<K>() as u64 + ENTRY_BYTES;
        match self {
            Self::Moka { entries, .. } => {
                entries.insert(key.clone(), (value, u32::try_from(bytes).unwrap_or(u32::MAX)));
            }
            Self::Fifo(fifo) => fifo.insert(key.clone(), hash, value, bytes),
        }
    }
    pub(super) fn remove(&self, key: &K, hash: u64) {
        match self {
            Self::Moka { entries, .. } => entries.invalidate(key),
            Self::Fifo(fifo) => fifo.remove(key, hash),
        }
    }
    pub(super) fn clear(&self) {
        match self {
            Self::Moka { entries, .. } => entries.invalidate_all(),
            Self::Fifo(fifo) => fifo.clear(),
        }
    }
    /// Entries, their bytes, and how many went for want of room; after what is over the bound was dropped.
    pub(super) fn size(&self) -> (u64, u64, u64) {
        match self {
            Self::Moka { entries, evictions } => {
                entries.run_pending_tasks();
                (entries.entry_count(), entries.weighted_size(), evictions.load(Relaxed))
            }
            Self::Fifo(fifo) => {
                let (entries, bytes) = fifo.size();
                (entries, bytes, fifo.evictions())
            }
        }
    }
}
