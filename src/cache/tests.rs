//! Claims about the cache in memory. Nothing here sleeps: readers are held by channels, the clock by hand.

use super::{Cache, Counts, Key};
use crate::{
    config::{self, Secret},
    model::time::{Clock, FixedClock, Timestamp},
};
use bytes::Bytes;
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::sync::oneshot;

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

fn settings(redis_url: &str) -> config::Cache {
    config::Cache {
        redis_url: Secret::new(redis_url),
        redis_url_file: None,
        memory_bytes_max: 1 << 20,
        product_stale_ms: 30_000,
        category_stale_ms: 300_000,
        timeout_ms: 100,
    }
}

async fn open() -> (Cache, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::new(Timestamp::from_seconds(1_800_000_000)));
    (Cache::open(&settings(""), clock.clone() as Arc<dyn Clock>).await.unwrap(), clock)
}

async fn read(cache: &Cache, key: u64, stored: Option<u64>) -> Option<u64> {
    cache.get_or_load(&Number(key), async || Ok::<_, Infallible>(stored)).await.unwrap().map(number)
}

#[expect(clippy::needless_pass_by_value, reason = "so that it can be given to map")]
fn number(text: Bytes) -> u64 {
    serde_json::from_slice(&text).unwrap()
}

fn counts(cache: &Cache) -> Counts {
    cache.counts()[0]
}

/// A reader of key 1 has read 7 and is held before it stores it; `invalidate` runs; then it goes on.
async fn race(invalidate: impl AsyncFnOnce(&Cache)) {
    let (cache, _) = open().await;
    let (tell_reading, reading) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel();
    let reader = cache.get_or_load(&Number(1), async || {
        tell_reading.send(()).unwrap();
        may_go_on.await.unwrap();
        Ok::<_, Infallible>(Some(7))
    });
    let writer = async {
        reading.await.unwrap();
        invalidate(&cache).await;
        go_on.send(()).unwrap();
    };
    let (seen, ()) = tokio::join!(reader, writer);
    assert_eq!(seen.unwrap().map(number), Some(7), "the reader started before the change and may see the old value");
    assert_eq!(read(&cache, 1, Some(8)).await, Some(8), "nobody after the change may");
    assert_eq!(read(&cache, 1, Some(9)).await, Some(8), "what was loaded after it is kept");
}

#[tokio::test]
async fn a_key_forgotten_while_it_loads_is_not_kept() {
    race(async |cache| assert!(cache.forget(&Number(1)).await)).await;
}

#[tokio::test]
async fn a_namespace_forgotten_while_a_key_loads_is_not_kept() {
    race(async |cache| assert!(cache.forget_all::<Number>().await)).await;
}

#[tokio::test]
async fn a_value_is_shown_until_its_budget_ends() {
    let (cache, clock) = open().await;
    assert_eq!(read(&cache, 1, Some(7)).await, Some(7));
    clock.advance(Duration::from_millis(23_999));
    assert_eq!(read(&cache, 1, Some(8)).await, Some(7), "at least 80 % of the budget");
    clock.advance(Duration::from_millis(6_001));
    assert_eq!(read(&cache, 1, Some(8)).await, Some(8), "never more than the budget");
    assert_eq!(counts(&cache), Counts { namespace: "number", l1_hits: 1, l2_hits: 0, misses: 2, errors: 0 });
}

#[tokio::test]
async fn a_missing_value_is_remembered_for_a_second_at_most() {
    let (cache, clock) = open().await;
    assert_eq!(read(&cache, 1, None).await, None);
    clock.advance(Duration::from_millis(799));
    assert_eq!(read(&cache, 1, Some(7)).await, None);
    clock.advance(Duration::from_millis(201));
    assert_eq!(read(&cache, 1, Some(7)).await, Some(7));
    cache.forget(&Number(2)).await;
    assert_eq!(read(&cache, 2, None).await, None);
    cache.forget(&Number(2)).await;
    assert_eq!(read(&cache, 2, Some(8)).await, Some(8), "making it forgets that it was missing");
}

#[tokio::test]
async fn fifty_readers_of_one_key_load_it_once() {
    let (cache, _) = open().await;
    let loads = AtomicU64::new(0);
    let (go_on, may_go_on) = tokio::sync::watch::channel(false);
    let readers = (0..50).map(|_| {
        let mut may_go_on = may_go_on.clone();
        let (cache, loads) = (&cache, &loads);
        async move {
            let load = async || {
                loads.fetch_add(1, SeqCst);
                may_go_on.wait_for(|go| *go).await.unwrap();
                Ok::<_, Infallible>(Some(7))
            };
            cache.get_or_load(&Number(1), load).await.unwrap()
        }
    });
    // Polled in order: all fifty readers stand in line before the last future lets the first of them go on.
    let all = futures_util::future::join(futures_util::future::join_all(readers), async {
        tokio::task::yield_now().await;
        go_on.send(true).unwrap();
    });
    let (seen, ()) = all.await;
    assert!(seen.into_iter().all(|seen| seen.map(number) == Some(7)));
    assert_eq!(loads.load(SeqCst), 1);
    assert_eq!(counts(&cache).l1_hits, 49);
}

#[tokio::test]
async fn a_failed_or_dropped_load_leaves_nothing_behind() {
    let (cache, _) = open().await;
    let failed = cache.get_or_load(&Number(1), async || Err("the database is away")).await;
    assert_eq!(failed, Err("the database is away"));
    let mut hung = Box::pin(cache.get_or_load(&Number(1), std::future::pending::<Result<Option<u64>, Infallible>>));
    assert!(futures_util::poll!(&mut hung).is_pending());
    drop(hung);
    assert_eq!(read(&cache, 1, Some(7)).await, Some(7));
}

#[tokio::test]
async fn forgetting_all_drops_every_key_of_the_namespace_and_no_other() {
    struct Other;
    impl Key for Other {
        type Value = u64;
        const NAMESPACE: &'static str = "other";
        fn name(&self) -> String {
            "1".to_owned()
        }
        fn stale(&self, _: &config::Cache) -> Duration {
            Duration::from_secs(30)
        }
    }
    let (cache, _) = open().await;
    let other =
        async |stored| cache.get_or_load(&Other, async || Ok::<_, Infallible>(Some(stored))).await.unwrap().map(number);
    for key in 0..100 {
        assert_eq!(read(&cache, key, Some(key)).await, Some(key));
    }
    assert_eq!(other(7).await, Some(7));
    assert!(cache.forget_all::<Number>().await);
    for key in 0..100 {
        assert_eq!(read(&cache, key, Some(key + 1)).await, Some(key + 1));
    }
    assert_eq!(other(8).await, Some(7));
}

#[tokio::test]
async fn the_memory_taken_is_bounded() {
    let clock = Arc::new(FixedClock::new(Timestamp::from_seconds(1_800_000_000)));
    let small = config::Cache { memory_bytes_max: 10_000, ..settings("") };
    let cache = Cache::open(&small, clock).await.unwrap();
    let Cache::Memory(memory) = &cache else { panic!("no Redis was asked for") };
    for key in 0..1000 {
        read(&cache, key, Some(key)).await;
    }
    assert!(memory.bytes().await <= 10_000 && memory.bytes().await > 0);
}

#[tokio::test]
async fn a_redis_that_is_away_is_no_error_and_a_wrong_address_is() {
    let clock = Arc::new(FixedClock::new(Timestamp::from_seconds(1_800_000_000)));
    // Nothing listens on port 1.
    let cache = Cache::open(&settings("redis://127.0.0.1:1"), clock.clone()).await.unwrap();
    assert_eq!(read(&cache, 1, Some(7)).await, Some(7));
    assert!(!cache.forget(&Number(1)).await, "the caller is told that Redis did not hear");
    assert_eq!(read(&cache, 1, Some(8)).await, Some(8));
    assert!(counts(&cache).errors >= 3);
    let Err(wrong) = Cache::open(&settings("http://user:secret@host"), clock).await else { panic!("not a Redis") };
    assert!(!format!("{wrong} {wrong:?}").contains("secret"));
}
