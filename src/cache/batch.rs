//! Looks of many readers at Redis, made together: while one question is under way, the next collects.

use super::redis::{Address, Found, Redis};
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// Somebody who wants to know about an entry.
struct Asked {
    namespace: &'static str,
    name: String,
    tell: oneshot::Sender<Found<Bytes>>,
}

/// What is asked next.
#[derive(Default)]
pub(super) struct Batch {
    asked: Mutex<Vec<Asked>>,
    bell: Notify,
}

impl Batch {
    /// The entry in Redis; `None` when there is none, or when Redis does not answer.
    pub(super) async fn find(&self, namespace: &'static str, name: String) -> Option<Found<Bytes>> {
        let (tell, told) = oneshot::channel();
        self.asked().push(Asked { namespace, name, tell });
        self.bell.notify_one();
        told.await.ok()
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ask for whoever wants to know, without end.
    pub(super) async fn ask(self: Arc<Self>, redis: Arc<Redis>) {
        loop {
            self.bell.notified().await;
            // Whoever is ready to ask now comes along.
            tokio::task::yield_now().await;
            let mut asked = std::mem::take(&mut *self.asked());
            asked.sort_unstable_by(|one, other| (one.namespace, &one.name).cmp(&(other.namespace, &other.name)));
            // Each entry once, and for each who asked its place among them.
            let (mut entries, mut places) = (Vec::new(), Vec::with_capacity(asked.len()));
            for Asked { namespace, name, .. } in &asked {
                let entry = Address { namespace, name };
                if entries.last() != Some(&entry) {
                    entries.push(entry);
                }
                places.push(entries.len() - 1);
            }
            // Who is not told is told by the end of its channel.
            let Some(found) = redis.peek(&entries).await else { continue };
            for (Asked { tell, .. }, place) in asked.into_iter().zip(places) {
                if let Some(Some(found)) = found.get(place) {
                    drop(tell.send(found.clone()));
                }
            }
        }
    }
}
