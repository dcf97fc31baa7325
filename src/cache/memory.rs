//! The memory of a node: a room for each kind of entry.

use super::{
    Guards, Key,
    namespace::{Counts, Namespace},
    policy::PLACES,
    room::{AnyRoom, Room},
};
use crate::{
    config,
    model::time::{Clock, Timestamp},
};
use std::sync::{Arc, OnceLock};

/// All rooms of a node. Alone, they are the whole cache.
pub(super) struct Memory {
    settings: config::Cache,
    clock: Arc<dyn Clock>,
    guards: Guards,
    rooms: [OnceLock<Box<dyn AnyRoom>>; PLACES],
}

impl Memory {
    pub(super) fn new(settings: &config::Cache, clock: Arc<dyn Clock>, guards: Guards) -> Self {
        Self { settings: settings.clone(), clock, guards, rooms: [const { OnceLock::new() }; PLACES] }
    }
    /// The room of a kind, which is furnished at its first use.
    pub(super) fn room<K: Key>(&self) -> &Room<K> {
        let place = &self.rooms[K::POLICY.place];
        let room = place.get_or_init(|| Box::new(Room::<K>::new(&self.settings, self.guards)));
        room.as_any().downcast_ref().expect("each kind has a place of its own: see policy::TABLE")
    }
    pub(super) fn guards(&self) -> Guards {
        self.guards
    }
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
    /// Forget an entry, or all of a kind, by their names. What was never used here is not here.
    pub(super) fn forget_named(&self, namespace: &str, name: Option<&str>) {
        match (self.open(namespace), name) {
            (Some(room), Some(name)) => room.forget_named(name),
            (Some(room), None) => room.forget_all(),
            (None, _) => {}
        }
    }
    /// Forget everything: who changed what was not heard for a while.
    pub(super) fn flush(&self) {
        self.all().for_each(AnyRoom::forget_all);
    }
    pub(super) fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.open(name).map(AnyRoom::namespace)
    }
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        self.all().map(AnyRoom::namespace)
    }
    pub(super) fn counts(&self) -> Vec<Counts> {
        self.all().map(AnyRoom::counts).collect()
    }
    fn open(&self, namespace: &str) -> Option<&dyn AnyRoom> {
        self.all().find(|room| room.namespace().name == namespace)
    }
    fn all(&self) -> impl Iterator<Item = &dyn AnyRoom> {
        self.rooms.iter().filter_map(OnceLock::get).map(|room| &**room)
    }
}
