//! The first level: this node's memory.
//!
//! moka's own `get_with` is not used: an invalidation that arrives while it loads does not stop the old value from
//! being stored. Here every entry carries the stamp that was valid **before** its value was read, and an entry is
//! only good while its stamp is the present one; to forget is to move the stamp on.

use super::{Counts, Key, namespace::Namespace};
use crate::{
    config,
    model::time::{Clock, Timestamp},
};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::sync::{Mutex, MutexGuard};

/// Generations: forgetting one key also drops about one in so many others, which costs a load and nothing else.
const STRIPES: usize = 1024;
/// How long a read waits for another that loads the same key, before it loads for itself.
const TURN_WAIT_MAX: Duration = Duration::from_secs(3);
/// What an entry takes beside its key and text, roughly: the bookkeeping of the map.
const ENTRY_BYTES: usize = 200;

/// The level in memory. Alone, it is the whole cache of a single node.
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

struct Inner {
    settings: config::Cache,
    clock: Arc<dyn Clock>,
    entries: moka::future::Cache<String, Entry>,
    stripes: Vec<Stripe>,
    hasher: RandomState,
    namespaces: RwLock<BTreeMap<&'static str, Arc<Namespace>>>,
}

#[derive(Default)]
struct Stripe {
    generation: AtomicU64,
    turn: Mutex<()>,
}

#[derive(Clone)]
struct Entry {
    text: Option<Bytes>,
    stamp: Stamp,
    expires: Timestamp,
}

/// Generation of a key and of its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(u64, u64);

/// A key, worked out once for a call.
pub(super) struct Slot {
    /// Of the key in its namespace.
    pub(super) name: String,
    pub(super) namespace: Arc<Namespace>,
    full: String,
    stripe: usize,
}

impl Memory {
    /// An empty level. `life_max` bounds the life of every entry also when the clock is set back.
    pub(super) fn new(settings: &config::Cache, clock: Arc<dyn Clock>, life_max: Duration) -> Self {
        let entries = moka::future::Cache::builder()
            .max_capacity(settings.memory_bytes_max)
            .weigher(|key: &String, entry: &Entry| {
                let text = entry.text.as_ref().map_or(0, Bytes::len);
                u32::try_from(key.len() + text + ENTRY_BYTES).unwrap_or(u32::MAX)
            })
            .time_to_live(life_max)
            .build();
        Self(Arc::new(Inner {
            settings: settings.clone(),
            clock,
            entries,
            stripes: std::iter::repeat_with(Stripe::default).take(STRIPES).collect(),
            hasher: RandomState::new(),
            namespaces: RwLock::default(),
        }))
    }
    pub(super) fn slot<K: Key>(&self, key: &K) -> Slot {
        let name = key.name();
        let full = format!("{}:{name}", K::NAMESPACE);
        let hash = self.0.hasher.hash_one(&full);
        let stripe = usize::try_from(hash % STRIPES as u64).unwrap_or(0);
        Slot { name, namespace: self.namespace(K::NAMESPACE), full, stripe }
    }
    pub(super) fn namespace(&self, name: &'static str) -> Arc<Namespace> {
        let known = self.0.namespaces.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        known.unwrap_or_else(|| {
            let mut all = self.0.namespaces.write().unwrap_or_else(PoisonError::into_inner);
            all.entry(name).or_insert_with(|| Arc::new(Namespace::new(name))).clone()
        })
    }
    pub(super) fn counts(&self) -> Vec<Counts> {
        let all = self.0.namespaces.read().unwrap_or_else(PoisonError::into_inner);
        all.values().map(|namespace| namespace.counts()).collect()
    }
    /// What the entries take, in bytes, after what is over the bound was dropped.
    pub async fn bytes(&self) -> u64 {
        self.0.entries.run_pending_tasks().await;
        self.0.entries.weighted_size()
    }
    pub(super) fn settings(&self) -> &config::Cache {
        &self.0.settings
    }
    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The entry, if it is good; the inner `None` is a value known not to exist.
    pub(super) async fn find(&self, slot: &Slot) -> Option<Option<Bytes>> {
        let entry = self.0.entries.get(&slot.full).await?;
        (entry.stamp == self.stamp(slot) && self.now() < entry.expires).then(|| {
            slot.namespace.count_l1_hit();
            entry.text
        })
    }
    /// Wait for one's turn to load, so that a popular key is loaded once. A reader that is dropped gives its turn
    /// back; one that hangs is not waited for without end (`None`), because two loads are harmless.
    pub(super) async fn turn(&self, slot: &Slot) -> Option<MutexGuard<'_, ()>> {
        tokio::time::timeout(TURN_WAIT_MAX, self.0.stripes[slot.stripe].turn.lock()).await.ok()
    }
    /// The present stamp of a key: take it before anything is read on the key's behalf.
    pub(super) fn stamp(&self, slot: &Slot) -> Stamp {
        Stamp(self.0.stripes[slot.stripe].generation.load(SeqCst), slot.namespace.generation())
    }
    /// Keep what was read under `stamp`; `false` when the key was forgotten since then.
    ///
    /// A key forgotten between the comparison and the insert leaves an entry that is never good.
    pub(super) async fn keep(&self, slot: &Slot, stamp: Stamp, text: Option<Bytes>, expires: Timestamp) -> bool {
        let good = stamp == self.stamp(slot);
        if good {
            self.0.entries.insert(slot.full.clone(), Entry { text, stamp, expires }).await;
        }
        good
    }
    pub(super) async fn forget(&self, slot: &Slot) {
        self.0.stripes[slot.stripe].generation.fetch_add(1, SeqCst);
        // Already without effect; this only frees the memory.
        self.0.entries.invalidate(&slot.full).await;
    }
}
