//! Looks of many readers at Redis, made together: while one question is under way, the next collects.

use super::redis::{Found, Redis};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, oneshot};

/// Who wants to know about an entry, by its name.
type Asked = BTreeMap<String, Vec<oneshot::Sender<Found<Bytes>>>>;

/// What is asked next.
#[derive(Default)]
pub(super) struct Batch {
    asked: Mutex<BTreeMap<&'static str, Asked>>,
    bell: Notify,
}

impl Batch {
    /// The entry in Redis; `None` when there is none, or when Redis does not answer.
    pub(super) async fn find(&self, namespace: &'static str, name: String) -> Option<Found<Bytes>> {
        let (tell, told) = oneshot::channel();
        self.asked().entry(namespace).or_default().entry(name).or_default().push(tell);
        self.bell.notify_one();
        told.await.ok()
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<&'static str, Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ask for whoever wants to know, without end.
    pub(super) async fn ask(self: Arc<Self>, redis: Arc<Redis>) {
        loop {
            self.bell.notified().await;
            // Whoever is ready to ask now comes along.
            tokio::task::yield_now().await;
            let asked = std::mem::take(&mut *self.asked());
            let names: Vec<_> =
                asked.iter().flat_map(|(space, asked)| asked.keys().map(|name| (*space, name))).collect();
            // Who is not told is told by the end of its channel.
            let Some(found) = redis.peek(&names).await else { continue };
            for (tell, found) in asked.into_values().flat_map(BTreeMap::into_values).zip(found) {
                let Some(found) = found else { continue };
                tell.into_iter().for_each(|tell| drop(tell.send(found.clone())));
            }
        }
    }
}
