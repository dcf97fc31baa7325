//! Hot copies of what is read often; may use `model` and `config`.
//!
//! A read goes through memory, then Redis, then its loader. A write forgets the key **after** its commit. Losing the
//! cache, or any part of it, loses nothing but speed: every failure is a miss, logged and counted here.
//!
//! Invariants:
//! * Whatever an order, a price or a permission depends on is read from the rows, never from here.
//! * A read that starts after `forget` returned on this node never sees the older value, whatever was loading then.
//!   Other nodes see it for at most [`LEVEL_ONE_MAX`] longer.
//! * Nothing is shown for longer than its key's budget, even when every invalidation is lost.
//!
//! **How to add one:** a type in `key.rs` with its namespace, value and budget; `get_or_load` where it is read,
//! `forget` where it is written, after the commit.

mod breaker;
pub mod doctor;
mod key;
pub mod limit;
mod memory;
mod namespace;
mod redis;
#[cfg(test)]
mod tests;
mod tiered;

pub use key::{CategoriesKey, Key, ProductKey, ProductListKey};
pub use memory::Memory;
pub use namespace::Counts;
pub use tiered::Tiered;

use crate::{config, model::time::Clock};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};

/// How long a value from Redis stays in a node's memory: as long as another node's change may go unseen here.
pub const LEVEL_ONE_MAX: Duration = Duration::from_secs(1);
/// How long a value that does not exist is remembered not to: it may be made at any moment.
pub const NEGATIVE_MAX: Duration = Duration::from_secs(1);

/// Why a cache could not be set up. In use it has no errors: a failure is a miss.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one of a Redis. It may hold a password, so it is not shown.
    #[error("cache.redis_url is not an address of a Redis")]
    Address(#[source] ::redis::RedisError),
}

/// The cache of a node. A clone is the same cache.
#[derive(Clone)]
pub enum Cache {
    /// Memory over a Redis that all nodes share.
    Tiered(Tiered),
    /// Memory alone: right only for a single node.
    Memory(Memory),
}

impl Cache {
    /// Set it up: with Redis if `redis_url` is set. A Redis that is away is no error, here or later.
    pub async fn open(settings: &config::Cache, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        if settings.redis_url.is_empty() {
            let longest = settings.product_stale_ms.max(settings.category_stale_ms);
            return Ok(Self::Memory(Memory::new(settings, clock, Duration::from_millis(longest))));
        }
        Ok(Self::Tiered(Tiered::open(settings, clock).await?))
    }

    /// The JSON text of a value, cached or loaded; `None` when there is no such value, which is remembered for
    /// [`NEGATIVE_MAX`]. Fails only as `load` fails, which is not remembered.
    ///
    /// `load` reads the primary database and runs at most once at a time for a key on this node. It must not come
    /// back to this cache: two keys may share a turn.
    pub async fn get_or_load<K: Key, E, F, Fut>(&self, key: &K, load: F) -> Result<Option<Bytes>, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<K::Value>, E>>,
    {
        let memory = self.memory();
        let slot = memory.slot(key);
        if let Some(text) = memory.find(&slot).await {
            return Ok(text);
        }
        // On the heap: what a miss needs, above all its loader, would make the future of each hit ten kilobytes larger.
        Box::pin(self.load_in_turn(key, &slot, load)).await
    }

    async fn load_in_turn<K: Key, E, F, Fut>(&self, key: &K, slot: &memory::Slot, load: F) -> Result<Option<Bytes>, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<K::Value>, E>>,
    {
        let memory = self.memory();
        let turn = memory.turn(slot).await;
        if let Some(text) = memory.find(slot).await {
            return Ok(text);
        }
        // Before anything is read: an invalidation from here on makes what is read below worthless.
        let (stamp, began) = (memory.stamp(slot), memory.now());
        let ticket = match self {
            Self::Memory(_) => None,
            Self::Tiered(tiered) => match tiered.look_up::<K>(slot).await {
                tiered::LookUp::Hit(text, left) => {
                    memory.keep(slot, stamp, text.clone(), began.plus(left.min(LEVEL_ONE_MAX))).await;
                    return Ok(text);
                }
                tiered::LookUp::Miss(ticket) => Some(ticket),
                tiered::LookUp::Failed => None,
            },
        };
        slot.namespace.count_miss();
        let text = load().await?.map(|value| json(&value));
        let budget = key.stale(memory.settings());
        let life = jittered(if text.is_none() { budget.min(NEGATIVE_MAX) } else { budget });
        let life_here = if matches!(self, Self::Tiered(_)) { life.min(LEVEL_ONE_MAX) } else { life };
        let good = memory.keep(slot, stamp, text.clone(), began.plus(life_here)).await;
        drop(turn);
        if let (true, Self::Tiered(tiered), Some(ticket)) = (good, self, ticket) {
            tiered.fill(slot, &ticket, text.as_ref(), life).await;
        }
        Ok(text)
    }

    /// Forget one key; call it **after** the commit, since what is loaded before it is the old value.
    ///
    /// Never fails. `false` says that Redis may not have heard: this node will make that good before it believes
    /// Redis again, other nodes may show the old value until its budget ends, so a job may want to try again.
    pub async fn forget<K: Key>(&self, key: &K) -> bool {
        let memory = self.memory();
        let slot = memory.slot(key);
        memory.forget(&slot).await;
        let Self::Tiered(tiered) = self else { return true };
        let heard = tiered.forget(&slot).await;
        // Once more: a read in between may have taken the old value from Redis.
        memory.forget(&slot).await;
        heard
    }

    /// Forget every key of a kind at once; otherwise like [`Cache::forget`].
    pub async fn forget_all<K: Key>(&self) -> bool {
        let namespace = self.memory().namespace(K::NAMESPACE);
        namespace.next_generation();
        let Self::Tiered(tiered) = self else { return true };
        let heard = tiered.forget_all(&namespace).await;
        namespace.next_generation();
        heard
    }

    /// How the reads went, for each kind of entry that was used.
    pub fn counts(&self) -> Vec<Counts> {
        self.memory().counts()
    }

    fn memory(&self) -> &Memory {
        match self {
            Self::Memory(memory) => memory,
            Self::Tiered(tiered) => tiered.memory(),
        }
    }
}

fn json(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value)
        .expect("values of keys are plain structs, lists and strings, which are always JSON")
        .into()
}

/// Spread the ends of entries that were made together: 80 to 100 % of the budget, which stays a bound.
fn jittered(budget: Duration) -> Duration {
    let mut random = [0];
    aws_lc_rs::rand::fill(&mut random).expect("the system always has random bytes");
    budget * (1020 + u32::from(random[0])) / 1275
}
