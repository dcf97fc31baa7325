//! Changes as they come.

use super::{Coordinator, Entry, Error, Kind};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;

/// How often is looked, should every hint be lost.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// What wakes a watch before its time. It need not come: whoever waits also looks.
#[derive(Debug)]
pub(super) enum Hints {
    /// The bell of the cache.
    Bell(Arc<Notify>),
    /// Rings for as long as the connection lasts.
    #[cfg(feature = "zookeeper")]
    ZooKeeper(Box<zookeeper_client::PersistentWatcher>),
    /// Not asked for yet, or over with the connection.
    None,
}

/// Names or records under a prefix, whenever they are others than were seen last.
///
/// What comes and goes between two looks may pass unseen; what stays is seen. Whoever has seen the last state knows all.
#[derive(Debug)]
pub struct Watch {
    coordinator: Coordinator,
    kind: Kind,
    prefix: String,
    seen: Option<Vec<Entry>>,
    hints: Hints,
}

impl Watch {
    pub(super) fn new(coordinator: Coordinator, kind: Kind, prefix: String) -> Self {
        Self { coordinator, kind, prefix, seen: None, hints: Hints::None }
    }

    /// The present state the first time, and then each that differs from the one before. May be dropped and called again.
    pub async fn next(&mut self) -> Result<Vec<Entry>, Error> {
        loop {
            if matches!(self.hints, Hints::None) {
                // Before the look, so that none after it is missed.
                self.hints = match &self.coordinator {
                    Coordinator::Embedded(engine) => engine.hints(),
                    #[cfg(feature = "zookeeper")]
                    Coordinator::ZooKeeper(engine) => engine.hints(self.kind).await?,
                };
            }
            if let Some(found) = self.look().await? {
                return Ok(found);
            }
            // A hint between the look and here is kept by the bell; one that another watch of this process took is not.
            let _ = tokio::time::timeout(LOOK, self.hints.rung()).await;
        }
    }

    /// One look: the state, if it is another than was seen last.
    pub async fn look(&mut self) -> Result<Option<Vec<Entry>>, Error> {
        let found = self.coordinator.list(self.kind, &self.prefix).await?;
        if self.seen.as_ref() == Some(&found) {
            return Ok(None);
        }
        self.seen = Some(found.clone());
        Ok(Some(found))
    }
}

impl Hints {
    async fn rung(&mut self) {
        match self {
            Self::Bell(bell) => bell.notified().await,
            #[cfg(feature = "zookeeper")]
            Self::ZooKeeper(watcher) => {
                let event = watcher.changed().await;
                if event.session_state.is_terminated() {
                    // It would tell the same for ever.
                    *self = Self::None;
                }
            }
            Self::None => std::future::pending().await,
        }
    }
}
