//! Claims about the two-level cache, shown with several nodes on one private Redis. Without MariaDB and Redis (the sqlite
//! run) most return at once: what memory alone does is shown at the foot of `src/cache`.

mod change;
mod levels;
mod outage;
mod race;
mod sign_in;
mod spread;

use crate::support::{Backend, app::START, backend, servers::Redis};
use bytes::Bytes;
use futures_util::poll;
use std::{convert::Infallible, sync::Arc, task::Poll, time::Duration};
use weizhan::{
    cache::{Cache, Eviction, Guards, Key, NEGATIVE_MAX, Policy},
    config::{self, Secret},
    model::time::{Clock, FixedClock},
};

/// A number under a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Number(u64);

impl Key for Number {
    type Value = u64;
    type Form = Bytes;
    const POLICY: Policy = Policy {
        namespace: "number",
        place: 15,
        eviction: Eviction::TinyLfu,
        share: 100,
        stale: |settings| Duration::from_millis(settings.product_stale_ms),
        negative: NEGATIVE_MAX,
        counted: false,
    };
    fn name(&self) -> String {
        self.0.to_string()
    }
    fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }
}

/// A cache as a node has it.
struct Node {
    cache: Cache,
    clock: Arc<FixedClock>,
}

/// Settings of a cache over the Redis of this address.
fn settings(redis_url: &str) -> config::Cache {
    config::Cache {
        redis_url: Secret::new(redis_url),
        redis_url_file: None,
        memory_bytes_max: 1 << 24,
        product_stale_ms: 30_000,
        category_stale_ms: 300_000,
        timeout_ms: 500,
    }
}

impl Node {
    async fn new(redis: &Redis) -> Self {
        Self::with(redis, Guards::default(), 500).await
    }

    /// One that hears the others and waits so long for Redis.
    async fn with(redis: &Redis, guards: Guards, timeout_ms: u64) -> Self {
        let clock = Arc::new(FixedClock::new(START));
        let shared = clock.clone() as Arc<dyn Clock>;
        let settings = config::Cache { timeout_ms, ..settings(&redis.url()) };
        let cache = Cache::open_guarded(&settings, shared, guards).await.expect("cache");
        hears(&cache).await;
        Self { cache, clock }
    }

    /// Read a key as a request does, while the database says `row`: what was answered, and whether the database was asked.
    async fn read(&self, key: u64, row: Option<u64>) -> (Option<u64>, bool) {
        if let Some(held) = self.cache.find(&Number(key)).await {
            return (held.map(|text| number(&text)), false);
        }
        self.load(key, row).await
    }

    /// The same without a glance at what the cache holds.
    async fn load(&self, key: u64, row: Option<u64>) -> (Option<u64>, bool) {
        let mut asked = false;
        let load = async || {
            asked = true;
            Ok::<_, Infallible>(row)
        };
        let text = self.cache.get_or_load(&Number(key), load).await.expect("never fails");
        (text.map(|text| number(&text)), asked)
    }
}

fn number(text: &Bytes) -> u64 {
    serde_json::from_slice(text).expect("a number")
}

/// Wait until a cache hears of changes on both ways.
async fn hears(cache: &Cache) {
    until("a node hears the others", || cache.reach().is_some_and(|reach| reach.tracking && reach.published)).await;
}

/// Wait until it is so; it takes a minute only when it never will be.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), waiting).await.unwrap_or_else(|_| panic!("not in a minute: {what}"));
}

/// Wait until each node has done what was told before: what is told arrives in order.
async fn all_have_heard(nodes: &[Node]) {
    for (teller, topic) in ["fence of the first", "fence of the second"].into_iter().enumerate() {
        let others = nodes.iter().enumerate().filter(|(place, _)| *place != teller);
        let bells: Vec<_> = others.map(|(_, node)| node.cache.heard(topic)).collect();
        for bell in &bells {
            // Of the last time.
            while let Poll::Ready(()) = poll!(Box::pin(bell.notified())) {}
        }
        nodes[teller].cache.tell(topic).await;
        for bell in &bells {
            tokio::time::timeout(Duration::from_mins(1), bell.notified()).await.expect("a hint arrives");
        }
    }
}

/// What another node does between a reader's look at the database and its filling of the cache.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Forget,
    ForgetAll,
    FlushAll,
}

/// `None` in the sqlite run.
fn private_redis() -> Option<Redis> {
    (backend() == Backend::Mariadb).then(Redis::private)
}

async fn raw(redis: &Redis) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(redis.url()).expect("url");
    client.get_multiplexed_async_connection().await.expect("redis")
}
