//! Claims about the cache in memory. Nothing here sleeps: readers are held by channels, the clock by hand.

use super::{Cache, Counts, Eviction, Key, NEGATIVE_MAX, Policy};
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

/// A number under a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Number(u64);

const fn policy(namespace: &'static str, place: usize, eviction: Eviction) -> Policy {
    let stale: fn(&config::Cache) -> Duration = |settings| Duration::from_millis(settings.product_stale_ms);
    Policy { namespace, place, eviction, share: 50, stale, negative: NEGATIVE_MAX, counted: false }
}

impl Key for Number {
    type Value = u64;
    type Form = Bytes;
    const POLICY: Policy = policy("number", 14, Eviction::Lru);
    fn name(&self) -> String {
        self.0.to_string()
    }
    fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }
}

/// The same, kept as numbers and in order of arrival.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Other(u64);

impl Key for Other {
    type Value = u64;
    type Form = Arc<u64>;
    const POLICY: Policy = policy("other", 15, Eviction::Fifo);
    fn name(&self) -> String {
        self.0.to_string()
    }
    fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
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
    let Counts { l1_hits, l2_hits, misses, errors, loads, l1_entries, age_ms_max, stale_ms_max, .. } = counts(&cache);
    assert_eq!((l1_hits, l2_hits, misses, errors, loads, l1_entries), (1, 0, 2, 0, 2, 1));
    assert_eq!((age_ms_max, stale_ms_max), (23_999, 30_000));
    assert_eq!(counts(&cache).load_us.iter().sum::<u64>(), 2, "each load is in one place of the histogram");
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
async fn a_key_does_not_wait_for_another() {
    let (cache, _) = open().await;
    let mut hung = Box::pin(cache.get_or_load(&Number(0), std::future::pending::<Result<Option<u64>, Infallible>>));
    assert!(futures_util::poll!(&mut hung).is_pending());
    // More than there are generations: some share that of the key that hangs.
    for key in 1..3000 {
        // Unconstrained: else tokio makes so many waits in a row pause by itself.
        let mut read = Box::pin(tokio::task::unconstrained(read(&cache, key, Some(key))));
        assert!(futures_util::poll!(&mut read).is_ready(), "{key} waits");
    }
}

#[tokio::test]
async fn forgetting_all_drops_every_key_of_the_namespace_and_no_other() {
    let (cache, _) = open().await;
    let other = async |stored| cache.get_or_load(&Other(1), async || Ok::<_, Infallible>(Some(stored))).await.unwrap();
    for key in 0..100 {
        assert_eq!(read(&cache, key, Some(key)).await, Some(key));
    }
    assert_eq!(other(7).await.as_deref(), Some(&7));
    assert!(cache.forget_all::<Number>().await);
    for key in 0..100 {
        assert_eq!(read(&cache, key, Some(key + 1)).await, Some(key + 1));
    }
    assert_eq!(other(8).await.as_deref(), Some(&7));
    assert!(cache.forget_hot(&Other(2).hot()).await && cache.forget_hot(&Other(1).hot()).await);
    assert_eq!(other(8).await.as_deref(), Some(&8), "a key is forgotten by its name");
    assert!(cache.forget_hot(&Other::all()).await);
    assert_eq!(other(9).await.as_deref(), Some(&9));
}

#[tokio::test]
async fn the_memory_taken_is_bounded_and_no_namespace_pushes_out_another() {
    let clock = Arc::new(FixedClock::new(Timestamp::from_seconds(1_800_000_000)));
    let small = config::Cache { memory_bytes_max: 100_000, ..settings("") };
    let cache = Cache::open(&small, clock).await.unwrap();
    let other = async |key| cache.get_or_load(&Other(key), async || Ok::<_, Infallible>(Some(key))).await.unwrap();
    assert_eq!(other(7).await.as_deref(), Some(&7));
    for key in 0..10_000 {
        read(&cache, key, Some(key)).await;
    }
    for Counts { namespace, l1_bytes, l1_bytes_max, l1_entries, .. } in cache.counts() {
        assert_eq!(l1_bytes_max, 50_000);
        assert!(l1_bytes > 0 && l1_bytes <= l1_bytes_max && l1_entries > 0, "{namespace}: {l1_bytes}");
    }
    assert!(counts(&cache).l1_evictions > 1000);
    let before = cache.counts()[1].l1_hits;
    other(7).await;
    assert_eq!(cache.counts()[1].l1_hits, before + 1, "it is still there");
    for key in 0..10_000 {
        other(key).await;
    }
    let Counts { l1_bytes, l1_evictions, .. } = cache.counts()[1];
    assert!(l1_bytes <= 50_000 && l1_evictions > 1000);
}

#[tokio::test]
async fn a_bell_rings_for_who_waits_and_for_who_comes_next() {
    let (cache, _) = open().await;
    let (bell, other) = (cache.heard("flags"), cache.heard("settings"));
    cache.tell("flags").await;
    bell.notified().await;
    let mut waiting = Box::pin(bell.notified());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    cache.clone().tell("flags").await;
    waiting.await;
    assert!(futures_util::poll!(Box::pin(other.notified())).is_pending());
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
