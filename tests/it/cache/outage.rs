//! A Redis that is killed, frozen or cut off costs a node one wait, and nobody an error.

use super::{Node, Number, hears, number, private_redis, settings, until};
use crate::support::{full, servers::Redis};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use weizhan::{app::SystemClock, cache::Cache};

/// Readers at the same time.
const READERS: u64 = 16;

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
async fn what_a_frozen_redis_missed_is_made_good_before_it_is_believed() {
    let Some(redis) = private_redis() else { return };
    let (one, other) = (Node::new(&redis).await, Node::new(&redis).await);
    assert_eq!(one.read(7, Some(1)).await, (Some(1), true));
    redis.signal("STOP");
    assert!(!one.cache.forget(&Number(7)).await, "Redis cannot have heard");
    assert_eq!(one.read(7, Some(2)).await, (Some(2), true));
    redis.signal("CONT");
    until("the node comes back to Redis", || one.cache.reach().is_some_and(|reach| reach.redis)).await;
    let fresh = Node::new(&redis).await;
    assert_eq!(fresh.read(7, Some(2)).await, (Some(2), true), "Redis kept what should have been forgotten");
    until("the other one too", || other.cache.reach().is_some_and(|reach| reach.redis)).await;
    assert_eq!(other.read(7, Some(2)).await.0, Some(2));
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Killed,
    Frozen,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_fails_under_load_is_waited_for_once_and_no_read_fails() {
    let Some(redis) = private_redis() else { return };
    let cycles = if full() { 20 } else { 2 };
    for cycle in 0..cycles {
        for fault in [Fault::Killed, Fault::Frozen] {
            let (waited, [before, at, after]) = under_load(&redis, fault).await;
            if cycle == 0 {
                println!(
                    "{fault:?} under {READERS} readers: {waited} calls waited; the longest read took {before:?} before, \
                     {at:?} then, {after:?} afterwards"
                );
            }
            // Whoever waits now, once; and once more should a try that was under way have let them in.
            assert!(waited <= 2 * READERS, "{fault:?}: {waited} calls waited for a Redis that does not answer");
        }
    }
}

/// How many calls waited to the end of their time, and how long the longest read took before the fault, until it was
/// noticed, and afterwards.
async fn under_load(redis: &Redis, fault: Fault) -> (u64, [Duration; 3]) {
    let settings = weizhan::config::Cache { timeout_ms: 50, ..settings(&redis.url()) };
    let cache = Cache::open(&settings, Arc::new(SystemClock)).await.expect("cache");
    hears(&cache).await;
    let (over, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let phase = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (cache, over, reads, phase) = (cache.clone(), over.clone(), reads.clone(), phase.clone());
        readers.spawn(async move {
            let (mut longest, mut key) = ([Duration::ZERO; 3], reader);
            while !over.load(SeqCst) {
                // Always one that memory does not have.
                key += READERS;
                let (began, phase) = (Instant::now(), phase.load(SeqCst));
                let text = cache.get_or_load(&Number(key), async || Ok::<_, Infallible>(Some(key))).await;
                longest[phase] = longest[phase].max(began.elapsed());
                assert_eq!(text.expect("never fails").map(|text| number(&text)), Some(key));
                reads.fetch_add(1, SeqCst);
                tokio::task::yield_now().await;
            }
            longest
        });
    }
    let more = |count: u64| {
        let (reads, from) = (reads.clone(), reads.load(SeqCst));
        move || reads.load(SeqCst) > from + count
    };
    until("reads go on", more(200)).await;
    until("Redis is called", || cache.reach().is_some_and(|reach| reach.redis)).await;
    let before = cache.reach().expect("it has a Redis");
    phase.store(1, SeqCst);
    match fault {
        Fault::Killed => redis.kill9(),
        Fault::Frozen => redis.signal("STOP"),
    }
    until("nobody calls it any more", || cache.reach().is_some_and(|reach| !reach.redis)).await;
    phase.store(2, SeqCst);
    until("reads go on without", more(5_000)).await;
    let during = cache.reach().expect("it has a Redis");
    until("reads go on without", more(5_000)).await;
    let after = cache.reach().expect("it has a Redis");
    // A reader that was at it may still be counted.
    assert!(after.failures - during.failures <= READERS, "later reads do not even try");
    assert!(after.failures > before.failures);
    over.store(true, SeqCst);
    let all = readers.join_all().await;
    let longest = [0, 1, 2].map(|phase| all.iter().map(|longest| longest[phase]).max().unwrap_or_default());
    match fault {
        Fault::Killed => redis.restart(),
        Fault::Frozen => redis.signal("CONT"),
    }
    until("it is back", || cache.reach().is_some_and(|reach| reach.redis && reach.tracking && reach.published)).await;
    (after.late - before.late, longest)
}
