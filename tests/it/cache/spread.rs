//! Claimed: after an acknowledged write no node shows the old version for longer than 3 s, whatever becomes of the
//! messages that tell of it.
//!
//! Shown: three nodes, each behind a road of its own, read and write with the machine's clock, while in turn nothing
//! happens, messages of the channel are swallowed, tracking is cut off again and again, both are silent, both are 5 s late,
//! Redis is flushed, killed, and frozen. Each read that began after the write of a later version was acknowledged is as old
//! as that write is past; the oldest is printed.

use super::{Number, hears, number, private_redis, raw, settings};
use crate::support::{
    full,
    proxy::{Direction, Proxy, Way},
    seed::Seed,
    servers::Redis,
};
use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use weizhan::{
    app::SystemClock,
    cache::Cache,
    config::{self, Secret},
};

const NODES: usize = 3;
const KEYS: usize = 256;
/// What may be old by so much, and no more.
const STALE_MAX: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    ChannelSwallowed,
    TrackingCut,
    BothSilent,
    BothLate,
    Flushed,
    Killed,
    Frozen,
}

const TROUBLES: [Trouble; 8] = [
    Trouble::None,
    Trouble::ChannelSwallowed,
    Trouble::TrackingCut,
    Trouble::BothSilent,
    Trouble::BothLate,
    Trouble::Flushed,
    Trouble::Killed,
    Trouble::Frozen,
];

/// All that the tasks share.
struct World {
    seed: Seed,
    caches: Vec<Cache>,
    /// The database: the version of each key.
    rows: Vec<AtomicU64>,
    /// When each version of a key was acknowledged, the first at 1.
    acknowledged: Vec<Mutex<Vec<Instant>>>,
    writes: AtomicU64,
    reads: AtomicU64,
    /// Of the present trouble, in microseconds.
    oldest_us: AtomicU64,
    over: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_node_shows_an_old_version_for_longer_than_three_seconds() {
    let Some(redis) = private_redis() else { return };
    let (writes, least) = if full() { (100_000, Duration::from_secs(9)) } else { (2_400, Duration::from_millis(600)) };
    let (mut roads, mut caches) = (Vec::new(), Vec::new());
    for _ in 0..NODES {
        let road = Proxy::to(redis.port()).await;
        let url = Secret::new(format!("redis://127.0.0.1:{}", road.port()));
        let settings = config::Cache { redis_url: url, product_stale_ms: 3000, timeout_ms: 50, ..settings("") };
        let cache = Cache::open(&settings, Arc::new(SystemClock)).await.expect("cache");
        hears(&cache).await;
        roads.push(road);
        caches.push(cache);
    }
    let now = Instant::now();
    let world = Arc::new(World {
        seed: Seed::of_run(),
        caches,
        rows: (0..KEYS).map(|_| AtomicU64::new(1)).collect(),
        acknowledged: (0..KEYS).map(|_| Mutex::new(vec![now, now])).collect(),
        writes: AtomicU64::new(0),
        reads: AtomicU64::new(0),
        oldest_us: AtomicU64::new(0),
        over: AtomicBool::new(false),
    });
    let mut tasks = JoinSet::new();
    for node in 0..NODES {
        tasks.spawn(write(world.clone(), node));
        tasks.spawn(read(world.clone(), node));
        tasks.spawn(read(world.clone(), node));
    }
    let mut oldest = Duration::ZERO;
    for trouble in TROUBLES {
        world.oldest_us.store(0, SeqCst);
        let (from, began) = (world.writes.load(SeqCst), Instant::now());
        let enough = || world.writes.load(SeqCst) - from >= writes / TROUBLES.len() as u64 && began.elapsed() >= least;
        make(trouble, &redis, &roads, enough).await;
        let of_trouble = Duration::from_micros(world.oldest_us.load(SeqCst));
        println!("{trouble:?}: {} writes, the oldest {of_trouble:?}", world.writes.load(SeqCst) - from);
        oldest = oldest.max(of_trouble);
    }
    world.over.store(true, SeqCst);
    while let Some(done) = tasks.join_next().await {
        done.expect("nobody panics");
    }
    let (writes, reads) = (world.writes.load(SeqCst), world.reads.load(SeqCst));
    println!("{writes} writes, {reads} reads on {NODES} nodes: the oldest version shown was {oldest:?} old");
    assert!(oldest < STALE_MAX, "{oldest:?}");
    assert!(!full() || writes >= 100_000);
}

/// Make trouble until there were enough writes, and mend it half way where something comes back.
async fn make(trouble: Trouble, redis: &Redis, roads: &[Proxy], enough: impl Fn() -> bool) {
    let (channel, tracking) = ("SUBSCRIBE", "TRACKING");
    let on_links = |words: &[&'static str], way: Way| {
        for road in roads {
            road.only_where(words);
            road.set(Direction::Replies, way);
        }
    };
    match trouble {
        Trouble::ChannelSwallowed => on_links(&[channel], Way::Swallowed),
        Trouble::BothSilent => on_links(&[channel, tracking], Way::Swallowed),
        Trouble::BothLate => on_links(&[channel, tracking], Way::Slow(Duration::from_secs(5))),
        Trouble::Killed => redis.kill9(),
        Trouble::Frozen => redis.signal("STOP"),
        Trouble::None | Trouble::TrackingCut | Trouble::Flushed => {}
    }
    let mut turn = tokio::time::interval(Duration::from_millis(50));
    let mut turns = 0_u32;
    while !enough() {
        turn.tick().await;
        turns += 1;
        match trouble {
            Trouble::TrackingCut => cut_tracking(redis).await,
            Trouble::Flushed => redis::cmd("FLUSHALL").exec_async(&mut raw(redis).await).await.expect("flush"),
            Trouble::Killed if turns == 30 => redis.restart(),
            // Thawed before what it holds has ended by itself.
            Trouble::Frozen if turns % 30 == 10 => redis.signal("CONT"),
            Trouble::Frozen if turns % 30 == 20 => redis.signal("STOP"),
            _ => {}
        }
    }
    match trouble {
        Trouble::Killed => redis.restart(),
        Trouble::Frozen => redis.signal("CONT"),
        _ => {}
    }
    for road in roads {
        road.heal();
        road.cut();
    }
}

/// Kill every connection that tracks.
async fn cut_tracking(redis: &Redis) {
    let mut raw = raw(redis).await;
    let list: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut raw).await.expect("list");
    for line in list.lines() {
        let of = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name));
        if let (Some(id), Some(flags)) = (of("id="), of("flags="))
            && flags.contains('B')
        {
            // It may be gone by now.
            let _ = redis::cmd("CLIENT").arg(&["KILL", "ID", id]).exec_async(&mut raw).await;
        }
    }
}

/// Change keys of this node, one by one; a write is acknowledged once it was forgotten, whether Redis heard or not.
async fn write(world: Arc<World>, node: usize) {
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !world.over.load(SeqCst) {
        pace.tick().await;
        let key = world.seed.below(KEYS / NODES) * NODES + node;
        world.rows[key].fetch_add(1, SeqCst);
        world.caches[node].forget(&Number(key as u64)).await;
        world.acknowledged[key].lock().unwrap().push(Instant::now());
        world.writes.fetch_add(1, SeqCst);
    }
}

async fn read(world: Arc<World>, node: usize) {
    while !world.over.load(SeqCst) {
        let key = world.seed.below(KEYS);
        let began = Instant::now();
        let load = async || Ok::<_, Infallible>(Some(world.rows[key].load(SeqCst)));
        let text = world.caches[node].get_or_load(&Number(key as u64), load).await.expect("never fails");
        let version = number(&text.expect("a row"));
        let next = usize::try_from(version + 1).unwrap();
        // Acknowledged before this read began?
        let next = world.acknowledged[key].lock().unwrap().get(next).copied();
        if let Some(old) = next.and_then(|next| began.checked_duration_since(next)) {
            world.oldest_us.fetch_max(u64::try_from(old.as_micros()).unwrap(), SeqCst);
        }
        world.reads.fetch_add(1, SeqCst);
        tokio::task::yield_now().await;
    }
}
