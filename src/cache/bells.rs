//! Who waits for a hint.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// A bell for each topic that somebody has asked for.
#[derive(Debug, Default)]
pub(super) struct Bells(Mutex<BTreeMap<&'static str, Arc<Notify>>>);

impl Bells {
    pub(super) fn of(&self, topic: &'static str) -> Arc<Notify> {
        self.all().entry(topic).or_default().clone()
    }
    /// Whoever waits now wakes, and if nobody does, the next to wait.
    pub(super) fn ring(&self, topic: &str) {
        if let Some(bell) = self.all().get(topic) {
            ring(bell);
        }
    }
    /// Hints may have been lost.
    pub(super) fn ring_all(&self) {
        self.all().values().for_each(|bell| ring(bell));
    }
    fn all(&self) -> MutexGuard<'_, BTreeMap<&'static str, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ring(bell: &Notify) {
    bell.notify_waiters();
    bell.notify_one();
}
