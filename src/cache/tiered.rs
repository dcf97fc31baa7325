//! Memory over Redis.

pub(super) use super::redis::{Found, LookUp, Ticket};
use super::{
    Error, Form, Key, Reach,
    batch::Batch,
    bells::Bells,
    links::{DEAF_LIFE_MAX, Ear, Links, Way},
    memory::Memory,
    namespace::Namespace,
    redis::{Address, LOAD_MS, Redis},
    room::Room,
    told::Told,
};
use crate::{config, model::time::Timestamp};
use ::redis::Client;
use bytes::Bytes;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// Between two looks for what another node is loading.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What is shared with the other nodes.
pub(super) struct Tiered {
    memory: Arc<Memory>,
    redis: Arc<Redis>,
    links: Arc<Links>,
    batch: Arc<Batch>,
    /// Ends when the cache is dropped.
    _tasks: JoinSet<()>,
}

impl Tiered {
    pub(super) async fn open(settings: &config::Cache, memory: Arc<Memory>, bells: Arc<Bells>) -> Result<Self, Error> {
        let client = Client::open(settings.redis_url.expose()).map_err(Error::Address)?;
        let database = client.get_connection_info().redis_settings().db();
        let told = Arc::new(Told::new(memory.clone(), bells, database));
        let redis = Arc::new(Redis::new(client.clone(), settings, told.clone())?);
        let links = Arc::<Links>::default();
        // That Redis is away is no error: every read is then a miss. The log tells at once.
        let reachable = redis.hello().await;
        tracing::info!(reachable, "cache in memory and Redis");
        let mut tasks = JoinSet::new();
        let ear = Ear { client, memory: memory.clone(), told, links: links.clone() };
        tasks.spawn(ear.clone().listen(Way::Tracking));
        tasks.spawn(ear.listen(Way::Published));
        tasks.spawn(come_back(redis.clone(), memory.clone()));
        let batch = Arc::<Batch>::default();
        tasks.spawn(batch.clone().ask(redis.clone()));
        Ok(Self { memory, redis, links, batch, _tasks: tasks })
    }
    pub(super) async fn tell(&self, topic: &str) {
        self.redis.tell(topic).await;
    }
    pub(super) fn reach(&self) -> Reach {
        let (failures, late) = self.redis.failed();
        Reach {
            redis: self.redis.breaker.allows(),
            tracking: self.links.tracking(),
            published: self.links.published(),
            failures,
            late,
            flushes: self.links.flushes(),
        }
    }
    /// How long memory may keep what may live for so long.
    pub(super) fn life_here(&self, life: Duration) -> Duration {
        if self.links.hears() { life } else { life.min(DEAF_LIFE_MAX) }
    }

    /// The entry, if Redis has one. Whoever loads when there is none asks [`Self::look_up`].
    pub(super) async fn find<K: Key>(&self, room: &Room<K>, name: String) -> Option<Found<K::Form>> {
        let namespace = &room.namespace;
        if !self.redis.breaker.allows() || namespace.unsettled().is_some() {
            return None;
        }
        readable::<K>(self.batch.find(namespace.name, name).await?)
    }
    /// What Redis knows. When another node is loading the same, wait for what it finds, but not for long. An entry that this
    /// version of the program cannot read, written by another one during an update, counts as not to be had: it is neither
    /// shown nor overwritten, and dies by its budget.
    pub(super) async fn look_up<K: Key>(&self, room: &Room<K>, name: &str) -> LookUp<K::Form> {
        let (namespace, mut waited) = (&room.namespace, Duration::ZERO);
        if !self.settle(namespace).await {
            return LookUp::Failed;
        }
        loop {
            match self.redis.look_up(Address { namespace: namespace.name, name }).await {
                LookUp::Hit(found) => {
                    return readable::<K>(found).map_or_else(
                        || {
                            tracing::warn!(namespace = namespace.name, "Redis holds an entry that cannot be read");
                            LookUp::Failed
                        },
                        LookUp::Hit,
                    );
                }
                LookUp::Miss(ticket) if ticket.first || waited >= Duration::from_millis(LOAD_MS) => {
                    return LookUp::Miss(ticket);
                }
                LookUp::Miss(_) => {
                    if waited.is_zero() {
                        namespace.count_wait();
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                    waited += LOOK_AGAIN;
                }
                LookUp::Failed => {
                    namespace.count_error();
                    return LookUp::Failed;
                }
            }
        }
    }
    pub(super) async fn fill(
        &self,
        namespace: &Namespace,
        name: &str,
        ticket: &Ticket,
        value: (Timestamp, Option<&Bytes>),
        life: Duration,
    ) {
        let (at, guarded) = (Address { namespace: namespace.name, name }, self.memory.guards().nonce);
        if !self.redis.fill(at, ticket, value, life, guarded).await {
            namespace.count_error();
        }
    }
    /// Forget an entry, or all of a kind, in Redis and on the other nodes; `false` when Redis may not have heard.
    pub(super) async fn forget(&self, namespace: &str, name: Option<&str>) -> bool {
        let heard = match name {
            Some(name) => self.redis.forget(namespace, name).await,
            None => self.redis.forget_all(namespace).await,
        };
        if !heard && let Some(namespace) = self.memory.namespace(namespace) {
            namespace.count_error();
            namespace.miss_invalidation();
        }
        heard
    }
    /// Make good what was missed while Redis was away: which keys is not remembered, so the namespace goes.
    async fn settle(&self, namespace: &Namespace) -> bool {
        let Some(mark) = namespace.unsettled() else { return true };
        let settled = self.redis.forget_all(namespace.name).await;
        if settled {
            namespace.settle(mark);
        } else {
            namespace.count_error();
        }
        settled
    }
}

fn readable<K: Key>(found: Found<Bytes>) -> Option<Found<K::Form>> {
    let Found { form, bytes, same_version, read, left } = found;
    let form = match form {
        Some(text) => Some(K::Form::read(text, same_version)?),
        None => None,
    };
    Some(Found { form, bytes, same_version, read, left })
}

/// Try whether Redis is back while nobody calls it, and make good what it missed before anybody reads it again.
async fn come_back(redis: Arc<Redis>, memory: Arc<Memory>) {
    loop {
        redis.breaker.opened().await;
        tokio::time::sleep(redis.breaker.pause()).await;
        if redis.answers().await && settle_all(&redis, &memory).await {
            redis.breaker.close();
            tracing::info!("Redis answers again");
        }
    }
}

async fn settle_all(redis: &Redis, memory: &Memory) -> bool {
    for namespace in memory.namespaces() {
        if let Some(mark) = namespace.unsettled() {
            if !redis.forget_all_first(namespace.name).await {
                return false;
            }
            namespace.settle(mark);
        }
    }
    true
}
