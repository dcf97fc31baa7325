//! The first level: what this node's memory holds of one kind.
//!
//! moka's own `get_with` is not used: an invalidation that arrives while it loads does not stop the old value from
//! being stored. Here every entry carries the stamp that was valid **before** its value was read, and an entry is
//! only good while its stamp is the present one; to forget is to move the stamp on.

use super::{
    Guards, Key,
    flight::Flights,
    namespace::{Counts, Namespace},
    store::Store,
};
use crate::{config, model::time::Timestamp};
use std::{
    any::Any,
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::Duration,
};

/// Generations: forgetting one key also drops about one in so many others, which costs a load and nothing else.
const STRIPES: u64 = 1024;

/// The entries of one kind, with their figures.
pub(super) struct Room<K: Key> {
    pub(super) namespace: Namespace,
    pub(super) flights: Flights<K>,
    /// The budget of this kind.
    pub(super) stale: Duration,
    store: Store<K, Entry<K::Form>>,
    stripes: Vec<AtomicU64>,
    hasher: RandomState,
    guards: Guards,
    bytes_max: u64,
}

/// A value, or that there is none.
#[derive(Clone)]
struct Entry<F> {
    form: Option<F>,
    stamp: Stamp,
    /// When its value was read from the database.
    read: Timestamp,
    expires: Timestamp,
}

/// Generation of a key and of its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(u64, u64);

/// What memory holds of a key: a value, or that there is none.
pub(super) struct Held<F>(pub(super) Option<F>);

/// What is put into memory.
pub(super) struct Fresh<F> {
    pub(super) form: Option<F>,
    /// What it takes.
    pub(super) bytes: usize,
    pub(super) read: Timestamp,
    pub(super) expires: Timestamp,
}

impl<K: Key> Room<K> {
    pub(super) fn new(settings: &config::Cache, guards: Guards) -> Self {
        let policy = K::POLICY;
        let (bytes_max, stale) = (settings.memory_bytes_max / 100 * policy.share, (policy.stale)(settings));
        Self {
            namespace: Namespace::new(policy.namespace),
            flights: Flights::new(),
            stale,
            store: Store::new(&policy, bytes_max, stale.max(policy.negative)),
            stripes: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            guards,
            bytes_max,
        }
    }
    /// How long a value may be shown, or that there is none.
    pub(super) fn budget(&self, none: bool) -> Duration {
        if none { self.stale.min(K::POLICY.negative) } else { self.stale }
    }
    /// The entry, if it is good.
    pub(super) fn find(&self, key: &K, now: Timestamp) -> Option<Held<K::Form>> {
        let hash = self.hasher.hash_one(key);
        let entry = self.store.get(key, hash)?;
        (entry.stamp == self.stamp_of(hash) && now < entry.expires).then(|| {
            self.namespace.count_l1_hit(now.since(entry.read));
            Held(entry.form)
        })
    }
    /// The present stamp of a key: take it before anything is read on the key's behalf.
    pub(super) fn stamp(&self, key: &K) -> Stamp {
        self.stamp_of(self.hasher.hash_one(key))
    }
    fn stamp_of(&self, hash: u64) -> Stamp {
        Stamp(self.stripe(hash).load(SeqCst), self.namespace.generation())
    }
    fn stripe(&self, hash: u64) -> &AtomicU64 {
        &self.stripes[usize::try_from(hash % STRIPES).unwrap_or(0)]
    }
    /// Keep what was read under `stamp`; `false` when the key was forgotten since then.
    ///
    /// A key forgotten between the comparison and the insert leaves an entry that is never good.
    pub(super) fn keep(&self, key: &K, stamp: Stamp, fresh: Fresh<K::Form>) -> bool {
        let hash = self.hasher.hash_one(key);
        let present = self.stamp_of(hash);
        let stamp = if self.guards.generation { stamp } else { present };
        if stamp == present && fresh.bytes as u64 <= self.bytes_max {
            let Fresh { form, bytes, read, expires } = fresh;
            self.store.insert(key, hash, Entry { form, stamp, read, expires }, bytes);
        }
        stamp == present
    }
    pub(super) fn forget(&self, key: &K) {
        let hash = self.hasher.hash_one(key);
        self.stripe(hash).fetch_add(1, SeqCst);
        // Already without effect; this only frees the memory.
        self.store.remove(key, hash);
    }
}

/// A room of whatever kind.
pub(super) trait AnyRoom: Send + Sync {
    fn namespace(&self) -> &Namespace;
    /// Forget one entry by its name. One that cannot be read belongs to another version: then all of them go.
    fn forget_named(&self, name: &str);
    /// Forget every entry.
    fn forget_all(&self);
    fn counts(&self) -> Counts;
    fn as_any(&self) -> &dyn Any;
}

impl<K: Key> AnyRoom for Room<K> {
    fn namespace(&self) -> &Namespace {
        &self.namespace
    }
    fn forget_named(&self, name: &str) {
        match K::parse(name) {
            Some(key) => self.forget(&key),
            None => self.forget_all(),
        }
    }
    fn forget_all(&self) {
        self.namespace.next_generation();
        // Already without effect; this only frees the memory.
        self.store.clear();
    }
    fn counts(&self) -> Counts {
        let (l1_entries, l1_bytes, l1_evictions) = self.store.size();
        let stale_ms_max = u64::try_from(self.stale.as_millis()).unwrap_or(u64::MAX);
        Counts {
            l1_entries,
            l1_bytes,
            l1_bytes_max: self.bytes_max,
            l1_evictions,
            stale_ms_max,
            ..self.namespace.counts()
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
