//! Memory over Redis.

pub(super) use super::redis::{LookUp, Ticket};
use super::{Error, Key, LEVEL_ONE_MAX, Memory, memory::Slot, namespace::Namespace, redis::Redis};
use crate::{config, model::time::Clock};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};

/// Both levels.
#[derive(Clone)]
pub struct Tiered {
    memory: Memory,
    redis: Arc<Redis>,
}

impl Tiered {
    pub(super) async fn open(settings: &config::Cache, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let redis = Redis::new(settings)?;
        redis.greet().await;
        Ok(Self { memory: Memory::new(settings, clock, LEVEL_ONE_MAX), redis: Arc::new(redis) })
    }
    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }
    /// What Redis knows. An entry that this version of the program cannot read, written by another one during an
    /// update, counts as not to be had: it is neither shown nor overwritten, and dies by its budget.
    pub(super) async fn look_up<K: Key>(&self, slot: &Slot) -> LookUp {
        let found = self.redis.look_up(slot).await;
        if let LookUp::Hit(text, _) = &found {
            if text.as_ref().is_some_and(|text| serde_json::from_slice::<K::Value>(text).is_err()) {
                tracing::warn!(namespace = K::NAMESPACE, "Redis holds an entry that cannot be read");
                return LookUp::Failed;
            }
            slot.namespace.count_l2_hit();
        }
        found
    }
    pub(super) async fn fill(&self, slot: &Slot, ticket: &Ticket, text: Option<&Bytes>, life: Duration) {
        self.redis.fill(slot, ticket, text, life).await;
    }
    pub(super) async fn forget(&self, slot: &Slot) -> bool {
        self.redis.forget(slot).await
    }
    pub(super) async fn forget_all(&self, namespace: &Namespace) -> bool {
        self.redis.forget_all(namespace).await
    }
}
