//! One loader a key: who comes second waits for the first, and for nobody else.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::OwnedMutexGuard;

/// How long a read waits for another that loads the same key, before it loads for itself: two loads are harmless.
const TURN_WAIT_MAX: Duration = Duration::from_secs(3);

/// The keys that are being loaded now.
pub(super) struct Flights<K: Eq + Hash>(Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>);

/// The turn to load a key. Dropping it, also half way, lets the next one in.
pub(super) struct Turn<'a, K: Clone + Eq + Hash> {
    flights: &'a Flights<K>,
    key: K,
    gate: Option<Arc<tokio::sync::Mutex<()>>>,
    held: Option<OwnedMutexGuard<()>>,
}

impl<K: Clone + Eq + Hash> Flights<K> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
    /// Wait for one's turn. It comes after [`TURN_WAIT_MAX`] at the latest, whoever hangs.
    pub(super) async fn turn(&self, key: &K) -> Turn<'_, K> {
        let gate = self.all().entry(key.clone()).or_default().clone();
        let mut turn = Turn { flights: self, key: key.clone(), gate: Some(gate.clone()), held: None };
        turn.held = tokio::time::timeout(TURN_WAIT_MAX, gate.lock_owned()).await.ok();
        turn
    }
    fn all(&self) -> MutexGuard<'_, HashMap<K, Arc<tokio::sync::Mutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> Drop for Turn<'_, K> {
    fn drop(&mut self) {
        // All of it under the lock: whoever lets go last sees that nobody else holds the gate.
        let mut all = self.flights.all();
        drop(self.held.take());
        drop(self.gate.take());
        if all.get(&self.key).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;

    #[tokio::test]
    async fn turns_come_one_by_one_and_nothing_is_left_of_them() {
        let flights = Flights::new();
        let first = flights.turn(&1).await;
        assert_eq!(flights.turn(&2).await.key, 2, "another key waits for nobody");
        let (mut second, mut third) = (Box::pin(flights.turn(&1)), Box::pin(flights.turn(&1)));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        drop(second);
        drop(first);
        let third = third.await;
        assert_eq!(flights.all().len(), 1);
        drop(third);
        assert!(flights.all().is_empty());
    }
}
