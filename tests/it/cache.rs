//! Claims about the two-level cache, shown with two nodes on one private Redis. Without MariaDB and Redis (the sqlite
//! run) they return at once: what memory alone does is shown at the foot of `src/cache`.

use crate::support::{Backend, app::START, backend, servers::Redis};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::oneshot;
use weizhan::{
    cache::{Cache, Key},
    config::{self, Secret},
    model::time::{Clock, FixedClock},
};

/// A number under a number.
struct Number(u64);

impl Key for Number {
    type Value = u64;
    const NAMESPACE: &'static str = "number";
    fn name(&self) -> String {
        self.0.to_string()
    }
    fn stale(&self, settings: &config::Cache) -> Duration {
        Duration::from_millis(settings.product_stale_ms)
    }
}

struct Node {
    cache: Cache,
    clock: Arc<FixedClock>,
}

impl Node {
    async fn new(redis: &Redis) -> Self {
        let settings = config::Cache {
            redis_url: Secret::new(redis.url()),
            redis_url_file: None,
            memory_bytes_max: 1 << 20,
            product_stale_ms: 30_000,
            category_stale_ms: 300_000,
            timeout_ms: 500,
        };
        let clock = Arc::new(FixedClock::new(START));
        let cache = Cache::open(&settings, clock.clone() as Arc<dyn Clock>).await.expect("cache");
        Self { cache, clock }
    }

    /// Read a key while the database says `row`: what was answered, and whether the database was asked.
    async fn read(&self, key: u64, row: Option<u64>) -> (Option<u64>, bool) {
        let mut asked = false;
        let load = async || {
            asked = true;
            Ok::<_, Infallible>(row)
        };
        let text = self.cache.get_or_load(&Number(key), load).await.expect("never fails");
        (text.map(|text| serde_json::from_slice(&text).expect("a number")), asked)
    }

    /// Forget what this node's memory holds: its entries live a second.
    fn forget_memory(&self) {
        self.clock.advance(Duration::from_secs(1));
    }
}

/// `None` in the sqlite run.
fn private_redis() -> Option<Redis> {
    (backend() == Backend::Mariadb).then(Redis::private)
}

#[tokio::test]
async fn a_value_is_loaded_once_for_all_nodes() {
    let Some(redis) = private_redis() else { return };
    let (one, other) = (Node::new(&redis).await, Node::new(&redis).await);
    assert_eq!(one.read(9, Some(1)).await, (Some(1), true));
    assert_eq!(other.read(9, Some(2)).await, (Some(1), false));
    assert!(one.cache.forget(&Number(9)).await);
    assert_eq!(one.read(9, Some(2)).await, (Some(2), true));
    other.forget_memory();
    assert_eq!(other.read(9, Some(3)).await, (Some(2), false));
    assert_eq!(one.read(50, None).await, (None, true));
    assert_eq!(other.read(50, Some(1)).await, (None, false), "that there is none is known too");
}

/// What another node does between a reader's look at the database and its filling of the cache.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Forget,
    ForgetAll,
    FlushAll,
}

#[tokio::test]
async fn an_old_value_is_not_filled_in_after_it_was_forgotten() {
    let Some(redis) = private_redis() else { return };
    let client = redis::Client::open(redis.url()).expect("url");
    let mut raw = client.get_multiplexed_async_connection().await.expect("redis");
    for meanwhile in [Meanwhile::Forget, Meanwhile::ForgetAll, Meanwhile::FlushAll] {
        let (reader, writer) = (Node::new(&redis).await, Node::new(&redis).await);
        assert!(reader.cache.forget_all::<Number>().await);
        let (looked, has_looked) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel();
        let slow = async || {
            looked.send(()).expect("the writer waits");
            may_go_on.await.expect("the writer goes on");
            Ok::<_, Infallible>(Some(7))
        };
        let write = async {
            has_looked.await.expect("the reader has looked");
            match meanwhile {
                Meanwhile::Forget => assert!(writer.cache.forget(&Number(1)).await),
                Meanwhile::ForgetAll => assert!(writer.cache.forget_all::<Number>().await),
                Meanwhile::FlushAll => redis::cmd("FLUSHALL").query_async::<()>(&mut raw).await.expect("flush"),
            }
            go_on.send(()).expect("the reader goes on");
        };
        let (read, ()) = tokio::join!(reader.cache.get_or_load(&Number(1), slow), write);
        assert_eq!(read.expect("never fails").as_deref(), Some(b"7".as_slice()));
        assert_eq!(writer.read(1, Some(8)).await, (Some(8), true), "{meanwhile:?}: the old value was filled in");
    }
}

#[tokio::test]
async fn a_redis_that_is_away_is_a_miss() {
    let Some(redis) = private_redis() else { return };
    let node = Node::new(&redis).await;
    assert_eq!(node.read(7, Some(1)).await, (Some(1), true));
    redis.kill9();
    for key in 100..120 {
        assert_eq!(node.read(key, Some(key)).await, (Some(key), true));
    }
    assert!(!node.cache.forget(&Number(7)).await, "Redis cannot have heard");
    assert_eq!(node.read(7, Some(2)).await, (Some(2), true));
}

#[tokio::test]
async fn what_a_frozen_redis_missed_is_made_good() {
    let Some(redis) = private_redis() else { return };
    let (one, other) = (Node::new(&redis).await, Node::new(&redis).await);
    assert_eq!(one.read(7, Some(1)).await, (Some(1), true));
    redis.signal("STOP");
    assert!(!one.cache.forget(&Number(7)).await, "Redis cannot have heard");
    redis.signal("CONT");
    // Until this node speaks with Redis again: then the other one finds what this one loaded.
    let heard = async {
        for key in 1_000.. {
            one.read(key, Some(1)).await;
            if other.read(key, Some(2)).await == (Some(1), false) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), heard).await.expect("the node comes back to Redis");
    let fresh = Node::new(&redis).await;
    assert_eq!(fresh.read(7, Some(2)).await, (Some(2), true), "Redis kept what should have been forgotten");
}
