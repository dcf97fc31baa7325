//! Claimed: what was read before a change and is stored after it is never shown to whoever comes after the change.
//!
//! Shown: readers are held between their look at the database and their filling of the cache, and writers change the
//! row and forget it, each on a node chosen by chance (`WEIZHAN_TEST_SEED` repeats the choices), while Redis is flushed
//! and whole kinds are forgotten. After each round, once everybody has heard everything, no node may show an old value.
//! The same storm without either guard must find old values, or it shows nothing.

use super::{Meanwhile, Node, Number, all_have_heard, number, private_redis, raw};
use crate::support::{full, seed::Seed, servers::Redis};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
};
use weizhan::cache::Guards;

/// Keys that are raced for in each round.
const KEYS: usize = 24;
const NODES: usize = 3;

#[tokio::test]
async fn an_old_value_is_not_filled_in_after_it_was_forgotten() {
    let Some(redis) = private_redis() else { return };
    let mut raw = raw(&redis).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_interleaving_shows_an_old_value() {
    let Some(redis) = private_redis() else { return };
    let rounds = if full() { 2_000 } else { 20 };
    let (found, read) = storm(&redis, Guards::default(), rounds).await;
    println!("{rounds} rounds of {KEYS} keys on {NODES} nodes, {read} reads held: {found} old values");
    assert_eq!(found, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_either_guard_the_same_storm_finds_old_values() {
    let Some(redis) = private_redis() else { return };
    for guards in [Guards { nonce: false, generation: true }, Guards { nonce: true, generation: false }] {
        let (mut found, mut rounds) = (0, 0);
        while found == 0 && rounds < 2_000 {
            found += storm(&redis, guards, 10).await.0;
            rounds += 10;
        }
        println!("{guards:?}: {found} old values within {rounds} rounds");
        assert!(found > 0, "{guards:?}: this storm shows nothing");
    }
}

/// What all of a round share.
struct Round {
    seed: Seed,
    nodes: Vec<Node>,
    /// The database.
    rows: Vec<AtomicU64>,
    held: AtomicU64,
}

/// How many old values were shown after how many rounds, and how many readers were held.
async fn storm(redis: &Redis, guards: Guards, rounds: usize) -> (usize, u64) {
    let (mut raw, mut found) = (raw(redis).await, 0);
    // Versions begin anew.
    redis::cmd("FLUSHALL").exec_async(&mut raw).await.expect("flush");
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        // Nothing is wrong with this Redis, however slow the machine is.
        nodes.push(Node::with(redis, guards, 30_000).await);
    }
    let rows = (0..KEYS).map(|_| AtomicU64::new(1)).collect();
    let round = Arc::new(Round { seed: Seed::of_run(), nodes, rows, held: AtomicU64::new(0) });
    for _ in 0..rounds {
        let (written, _) = watch::channel(0_usize);
        let written = Arc::new(written);
        let mut tasks = JoinSet::new();
        for key in 0..KEYS {
            for _ in 0..2 {
                tasks.spawn(reader(round.clone(), key, written.subscribe()));
            }
            tasks.spawn(writer(round.clone(), key, written.clone()));
        }
        if round.seed.one_in(2) {
            for _ in 0..round.seed.below(40) {
                tokio::task::yield_now().await;
            }
            redis::cmd("FLUSHALL").exec_async(&mut raw).await.expect("flush");
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("nobody panics");
        }
        all_have_heard(&round.nodes).await;
        for (key, row) in (0..).zip(&round.rows) {
            let row = row.load(SeqCst);
            for node in &round.nodes {
                found += usize::from(node.read(key, Some(row)).await.0 != Some(row));
            }
        }
    }
    (found, round.held.load(SeqCst))
}

/// Reads a key; if it has to load it, it is held for a while, half of the time until a row was written.
async fn reader(round: Arc<Round>, key: usize, mut written: watch::Receiver<usize>) {
    let Round { seed, nodes, rows, held } = &*round;
    for _ in 0..seed.below(4) {
        tokio::task::yield_now().await;
    }
    let load = async || {
        let row = rows[key].load(SeqCst);
        held.fetch_add(1, SeqCst);
        if seed.one_in(2) {
            // All of them, or the channel is closed: this one was as well.
            written.wait_for(|count| *count == KEYS).await.ok();
        }
        for _ in 0..seed.below(8) {
            tokio::task::yield_now().await;
        }
        Ok::<_, Infallible>(Some(row))
    };
    let cache = &nodes[seed.below(NODES)].cache;
    // Half of them look first at what is held, as a request does.
    let held = if seed.one_in(2) { cache.find(&Number(key as u64)).await } else { None };
    let seen = match held {
        Some(seen) => seen,
        None => cache.get_or_load(&Number(key as u64), load).await.expect("never fails"),
    };
    assert!(number(&seen.expect("a row")) <= rows[key].load(SeqCst));
}

/// Changes a row, and then forgets it on some node.
async fn writer(round: Arc<Round>, key: usize, written: Arc<watch::Sender<usize>>) {
    let Round { seed, nodes, rows, .. } = &*round;
    for _ in 0..seed.below(12) {
        tokio::task::yield_now().await;
    }
    rows[key].fetch_add(1, SeqCst);
    let cache = &nodes[seed.below(NODES)].cache;
    // In every other round or so: what is forgotten with all others shows nothing about a key by itself.
    let heard =
        if seed.one_in(48) { cache.forget_all::<Number>().await } else { cache.forget(&Number(key as u64)).await };
    written.send_modify(|count| *count += 1);
    assert!(heard, "Redis is there");
}
