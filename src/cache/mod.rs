//! Hot copies of what is read often; may use `model` and `config`.
//!
//! A read goes through memory, then Redis, then its loader. A write forgets the key **after** its commit, and a job in
//! its transaction does so again should the writer die in between (`service::hot`). Losing the cache, or any part of it,
//! loses nothing but speed: every failure is a miss, logged and counted here.
//!
//! Invariants:
//! * Whatever an order, a price or a permission depends on is read from the rows, never from here.
//! * A read that starts after `forget` returned on this node never sees the older value, whatever was loading then.
//!   Other nodes are told over two connections; while neither works, they keep nothing in memory for longer than 250 ms.
//! * Nothing is shown for longer than its key's budget, even when every invalidation is lost.
//! * A Redis that fails costs each read that is waiting for it [`config::Cache::timeout_ms`] once, and later reads nothing.
//!
//! **How to add one:** a line in [`TABLE`] and a type in `key.rs` with its name, value and form; `get_or_load` where it is
//! read; where it is written `service::hot::mark` in the transaction and `service::hot::forget` after the commit.

mod batch;
mod bells;
mod breaker;
pub mod doctor;
mod fifo;
mod flight;
mod key;
pub mod limit;
mod links;
mod memory;
mod namespace;
mod policy;
mod redis;
mod room;
mod script;
mod store;
#[cfg(test)]
mod tests;
mod tiered;
mod told;

pub use key::{CategoriesKey, Form, Key, ProductKey, ProductListKey, SignInKey};
pub use namespace::{Counts, LOAD_BOUNDS_US};
pub use policy::{Eviction, NEGATIVE_MAX, PLACES, Policy, SIGN_IN_BELIEVED, TABLE};

use crate::{
    config,
    model::{
        hot::Hot,
        time::{Clock, Timestamp},
    },
};
use bells::Bells;
use bytes::Bytes;
use memory::Memory;
use room::{Fresh, Held, Room, Stamp};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tiered::{Found, LookUp, Tiered};
use tokio::sync::Notify;

/// Why a cache could not be set up. In use it has no errors: a failure is a miss.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one of a Redis. It may hold a password, so it is not shown.
    #[error("cache.redis_url is not an address of a Redis")]
    Address(#[source] ::redis::RedisError),
}

/// Guards against values that were read before a change and come to be stored after it. They are never off, but in the
/// test that shows what they are for.
#[derive(Debug, Clone, Copy)]
pub struct Guards {
    /// Redis takes a value only from who holds the present ticket of its key.
    pub nonce: bool,
    /// Memory takes a value only while nothing was forgotten since it was asked for.
    pub generation: bool,
}

impl Default for Guards {
    fn default() -> Self {
        Self { nonce: true, generation: true }
    }
}

/// How this node reaches Redis and the other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Redis is called; while it fails it is not.
    pub redis: bool,
    /// Changes are heard by `CLIENT TRACKING`.
    pub tracking: bool,
    /// Changes and hints are heard on the channel.
    pub published: bool,
    /// Calls of Redis that failed.
    pub failures: u64,
    /// Those of them that had no answer within `cache.timeout_ms`.
    pub late: u64,
    /// How often memory was emptied because a change may not have been heard.
    pub flushes: u64,
}

/// The cache of a node. A clone is the same cache.
#[derive(Clone)]
pub struct Cache {
    memory: Arc<Memory>,
    bells: Arc<Bells>,
    /// A Redis that all nodes share; without it memory is the whole cache.
    tiered: Option<Arc<Tiered>>,
}

impl Cache {
    /// Set it up: with Redis if `redis_url` is set. A Redis that is away is no error, here or later.
    pub async fn open(settings: &config::Cache, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::open_guarded(settings, clock, Guards::default()).await
    }

    /// The same with other guards; for the test that shows what they are for.
    pub async fn open_guarded(settings: &config::Cache, clock: Arc<dyn Clock>, guards: Guards) -> Result<Self, Error> {
        let (memory, bells) = (Arc::new(Memory::new(settings, clock, guards)), Arc::<Bells>::default());
        let tiered = if settings.redis_url.is_empty() {
            None
        } else {
            Some(Arc::new(Tiered::open(settings, memory.clone(), bells.clone()).await?))
        };
        Ok(Self { memory, bells, tiered })
    }

    /// What [`Cache::get_or_load`] gives, if memory or Redis holds it. A question to Redis is shared with all who ask
    /// meanwhile.
    pub async fn find<K: Key>(&self, key: &K) -> Option<Option<K::Form>> {
        let room = self.memory.room::<K>();
        if let Some(held) = room.find(key, self.memory.now()) {
            return Some(held.0);
        }
        let tiered = self.tiered.as_ref()?;
        // On the heap, as above all what a miss needs.
        Box::pin(self.find_shared(tiered, room, key)).await
    }

    async fn find_shared<K: Key>(&self, tiered: &Tiered, room: &Room<K>, key: &K) -> Option<Option<K::Form>> {
        let (stamp, looked) = (room.stamp(key), self.memory.now());
        let found = tiered.find(room, key.name()).await?;
        self.take(key, (stamp, looked), found).map(|held| held.0)
    }

    /// Keep and give what Redis held, unless it is over. `stamp` and `looked` are from before Redis was asked.
    fn take<K: Key>(
        &self,
        key: &K,
        (stamp, looked): (Stamp, Timestamp),
        found: Found<K::Form>,
    ) -> Option<Held<K::Form>> {
        let Found { form, bytes, read, left, .. } = found;
        let room = self.memory.room::<K>();
        let age = looked.since(read);
        let left = left.min(room.budget(form.is_none()).saturating_sub(age));
        if left.is_zero() {
            return None;
        }
        room.namespace.count_l2_hit(age);
        let expires = looked.plus(self.life_here(left));
        room.keep(key, stamp, Fresh { form: form.clone(), bytes, read, expires });
        Some(Held(form))
    }

    fn life_here(&self, life: Duration) -> Duration {
        self.tiered.as_ref().map_or(life, |tiered| tiered.life_here(life))
    }

    /// A value, cached or loaded; `None` when there is no such value, which is remembered for a moment. Fails only as
    /// `load` fails, which is not remembered.
    ///
    /// `load` reads the primary database and runs at most once at a time for a key on this node.
    pub async fn get_or_load<K: Key, E, F, Fut>(&self, key: &K, load: F) -> Result<Option<K::Form>, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<K::Value>, E>>,
    {
        let room = self.memory.room::<K>();
        if let Some(held) = room.find(key, self.memory.now()) {
            return Ok(held.0);
        }
        // On the heap: what a miss needs, above all its loader, would make the future of each hit ten kilobytes larger.
        Box::pin(self.load_in_turn(room, key, load)).await
    }

    async fn load_in_turn<K: Key, E, F, Fut>(&self, room: &Room<K>, key: &K, load: F) -> Result<Option<K::Form>, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<K::Value>, E>>,
    {
        let turn = room.flights.turn(key).await;
        if let Some(held) = room.find(key, self.memory.now()) {
            return Ok(held.0);
        }
        // Before anything is read: an invalidation from here on makes what is read below worthless.
        let mut stamp = room.stamp(key);
        let mut ticket = None;
        let name = key.name();
        if let Some(tiered) = &self.tiered {
            let looked = self.memory.now();
            match tiered.look_up(room, &name).await {
                LookUp::Hit(found) => {
                    if let Some(Held(form)) = self.take(key, (stamp, looked), found) {
                        return Ok(form);
                    }
                }
                // The ticket may have been waited for; what is read from here on is newer than all that was forgotten.
                LookUp::Miss(fresh) => (stamp, ticket) = (room.stamp(key), Some(fresh)),
                LookUp::Failed => {}
            }
        }
        room.namespace.count_miss();
        let (read, began) = (self.memory.now(), Instant::now());
        let value = load().await?;
        room.namespace.count_load(began.elapsed());
        let life = jittered(room.budget(value.is_none()));
        let (form, text) = match value {
            Some(value) => {
                let text = json(&value);
                (Some(K::Form::made(value, &text)), Some(text))
            }
            None => (None, None),
        };
        let bytes = text.as_ref().map_or(0, Bytes::len);
        let good =
            room.keep(key, stamp, Fresh { form: form.clone(), bytes, read, expires: read.plus(self.life_here(life)) });
        drop(turn);
        if let (true, Some(tiered), Some(ticket)) = (good, &self.tiered, ticket) {
            tiered.fill(&room.namespace, &name, &ticket, (read, text.as_ref()), life).await;
        }
        Ok(form)
    }

    /// Forget one key; call it **after** the commit, since what is loaded before it is the old value.
    ///
    /// Never fails. `false` says that Redis may not have heard: this node will make that good before it believes
    /// Redis again, other nodes may show the old value until its budget ends, so a job may want to try again.
    pub async fn forget<K: Key>(&self, key: &K) -> bool {
        let room = self.memory.room::<K>();
        room.forget(key);
        let Some(tiered) = &self.tiered else { return true };
        let heard = tiered.forget(room.namespace.name, Some(&key.name())).await;
        // Once more: a read in between may have taken the old value from Redis.
        room.forget(key);
        heard
    }

    /// Forget every key of a kind at once; otherwise like [`Cache::forget`].
    pub async fn forget_all<K: Key>(&self) -> bool {
        // So that the room is there to remember what Redis may miss.
        self.memory.room::<K>();
        self.forget_hot(&K::all()).await
    }

    /// Forget what was named; otherwise like [`Cache::forget`].
    pub async fn forget_hot(&self, hot: &Hot) -> bool {
        let Hot { namespace, name } = hot;
        self.memory.forget_named(namespace, name.as_deref());
        let Some(tiered) = &self.tiered else { return true };
        let heard = tiered.forget(namespace, name.as_deref()).await;
        self.memory.forget_named(namespace, name.as_deref());
        heard
    }

    /// Tell whoever waits for this topic, on all nodes, that something is new. A hint: it may be lost, and comes at
    /// the latest when a node that lost its connection has it again.
    pub async fn tell(&self, topic: &'static str) {
        self.bells.ring(topic);
        if let Some(tiered) = &self.tiered {
            tiered.tell(topic).await;
        }
    }

    /// The bell of a topic: rung by [`Cache::tell`] on any node, and when hints may have been lost. It wakes all who
    /// wait, and is remembered for the next to wait if nobody does; it may ring for nothing.
    pub fn heard(&self, topic: &'static str) -> Arc<Notify> {
        self.bells.of(topic)
    }

    /// How the reads went and what is held, for each kind of entry that was used.
    pub fn counts(&self) -> Vec<Counts> {
        self.memory.counts()
    }

    /// How this node reaches Redis; `None` when it has none.
    pub fn reach(&self) -> Option<Reach> {
        self.tiered.as_deref().map(Tiered::reach)
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
