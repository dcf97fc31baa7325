//! Callbacks that are stored and are being settled on this node.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most callbacks that wait to be settled here; what is beyond stays in its row until somebody finds it there.
const PLACES: usize = 1_000;
/// Most that are settled at the same time. The other connections to the database are for people.
const HANDS: usize = 6;
/// Most notes about refused callbacks at the same time; beyond that they are only logged.
const NOTES: usize = 2;

/// Room for the work that callbacks leave behind when they are answered.
#[derive(Debug)]
pub struct Settling {
    places: Arc<Semaphore>,
    hands: Semaphore,
    notes: Arc<Semaphore>,
}

impl Default for Settling {
    fn default() -> Self {
        let [places, notes] = [PLACES, NOTES].map(|count| Arc::new(Semaphore::new(count)));
        Self { places, hands: Semaphore::new(HANDS), notes }
    }
}

impl Settling {
    /// A place to wait in, if there is one.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }
    /// Wait for one's turn; it ends when the permit is dropped.
    pub async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.hands.acquire().await.ok()
    }
    /// Leave to write down that a callback was refused, if not too many do so.
    pub fn note(&self) -> Option<OwnedSemaphorePermit> {
        self.notes.clone().try_acquire_owned().ok()
    }
    /// Whether nothing is being settled or noted.
    pub fn is_idle(&self) -> bool {
        self.places.available_permits() == PLACES && self.notes.available_permits() == NOTES
    }
}
