//! What a node finds in Redis, and how it hears what the others forgot.

use super::{Node, Number, all_have_heard, hears, number, private_redis, raw, until};
use std::{convert::Infallible, time::Duration};
use tokio::sync::oneshot;

#[tokio::test]
async fn a_value_is_loaded_once_for_all_nodes() {
    let Some(redis) = private_redis() else { return };
    let nodes = [Node::new(&redis).await, Node::new(&redis).await];
    let [one, other] = &nodes;
    assert_eq!(one.read(9, Some(1)).await, (Some(1), true));
    assert_eq!(other.read(9, Some(2)).await, (Some(1), false));
    assert!(one.cache.forget(&Number(9)).await);
    assert_eq!(one.read(9, Some(2)).await, (Some(2), true));
    all_have_heard(&nodes).await;
    assert_eq!(other.read(9, Some(3)).await, (Some(2), false));
    assert_eq!(one.read(50, None).await, (None, true));
    assert_eq!(other.read(50, Some(1)).await, (None, false), "that there is none is known too");
}

#[tokio::test]
async fn many_who_look_at_once_ask_redis_together() {
    let Some(redis) = private_redis() else { return };
    let nodes = [Node::new(&redis).await, Node::new(&redis).await];
    let [one, other] = &nodes;
    for key in 0..40 {
        assert!(one.load(key, (key != 7).then_some(key)).await.1);
    }
    let mut raw = raw(&redis).await;
    let calls = async |raw: &mut redis::aio::MultiplexedConnection| {
        let text: String = redis::cmd("INFO").arg("commandstats").query_async(raw).await.expect("info");
        let line = text.lines().find_map(|line| line.strip_prefix("cmdstat_mget:calls=")).unwrap_or("0,");
        line.split(',').next().and_then(|calls| calls.parse::<u64>().ok()).expect("a number")
    };
    let before = calls(&mut raw).await;
    // Each key is asked for ten times, in one moment.
    let finds = (0..400).map(|number| async move { (number % 50, other.cache.find(&Number(number % 50)).await) });
    for (key, found) in futures_util::future::join_all(finds).await {
        let expected = (key < 40).then(|| (key != 7).then_some(key));
        assert_eq!(found.map(|held| held.map(|text| number(&text))), expected, "{key}");
    }
    assert_eq!(calls(&mut raw).await, before + 1);
    assert!(one.cache.forget(&Number(3)).await);
    all_have_heard(&nodes).await;
    assert_eq!(other.cache.find(&Number(3)).await, None);
    assert_eq!(other.load(3, Some(4)).await, (Some(4), true));
}

#[tokio::test]
async fn memory_keeps_a_value_to_the_end_of_its_budget_while_changes_are_heard() {
    let Some(redis) = private_redis() else { return };
    let nodes = [Node::new(&redis).await, Node::new(&redis).await];
    let [one, other] = &nodes;
    assert_eq!(one.read(1, Some(1)).await, (Some(1), true));
    assert_eq!(other.read(1, Some(2)).await, (Some(1), false));
    one.clock.advance(Duration::from_secs(23));
    let hits = |node: &Node| node.cache.counts()[0].l1_hits;
    let before = hits(one);
    assert_eq!(one.read(1, Some(2)).await, (Some(1), false));
    assert_eq!(hits(one), before + 1, "from memory");
    assert!(one.cache.forget_all::<Number>().await);
    all_have_heard(&nodes).await;
    assert_eq!(other.read(1, Some(2)).await, (Some(2), true), "all of a kind");
    // By its own clock the value is over, whatever that of Redis says.
    other.clock.advance(Duration::from_secs(30));
    assert_eq!(other.read(1, Some(3)).await, (Some(3), true));
}

#[tokio::test]
async fn each_of_the_two_ways_is_enough_to_hear() {
    let Some(redis) = private_redis() else { return };
    let (one, other) = (Node::new(&redis).await, Node::new(&redis).await);
    let mut raw = raw(&redis).await;
    for (round, refused) in (0..).zip(["subscribe", "client|tracking"]) {
        // As a managed Redis does, which offers only one of them.
        let acl = |sign: char| {
            let mut command = redis::cmd("ACL");
            command.arg(&["SETUSER", "default", &format!("{sign}{refused}")]);
            command
        };
        let ways = || other.cache.reach().map(|reach| (reach.published, reach.tracking));
        let rest = if refused == "subscribe" { Some((false, true)) } else { Some((true, false)) };
        acl('-').exec_async(&mut raw).await.expect("acl");
        let cut = async {
            while ways() != rest {
                for kind in ["pubsub", "normal"] {
                    let mut kill = redis::cmd("CLIENT");
                    kill.arg(&["KILL", "TYPE", kind, "SKIPME", "yes"]).exec_async(&mut raw).await.expect("kill");
                }
                tokio::time::timeout(Duration::from_millis(300), until("one way is left", || ways() == rest))
                    .await
                    .ok();
            }
        };
        tokio::time::timeout(Duration::from_mins(1), cut).await.expect("one way is left");
        let key = 100 + round;
        // Their other connections were killed as well, and are found dead by a call that fails.
        for node in [&one, &other] {
            while !node.cache.forget(&Number(key)).await {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(one.read(key, Some(1)).await.0, Some(1));
        assert_eq!(other.read(key, Some(1)).await.0, Some(1));
        assert!(one.cache.forget(&Number(key)).await);
        let heard = async {
            while other.read(key, Some(2)).await.0 != Some(2) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard).await.expect("it is heard: the clock stands still");
        acl('+').exec_async(&mut raw).await.expect("acl");
    }
}

#[tokio::test]
async fn who_hears_nothing_keeps_nothing_for_longer_than_a_quarter_of_a_second() {
    let Some(redis) = private_redis() else { return };
    let node = Node::new(&redis).await;
    assert_eq!(node.read(1, Some(1)).await, (Some(1), true));
    redis.kill9();
    until("it is deaf", || node.cache.reach().is_some_and(|reach| !reach.tracking && !reach.published)).await;
    assert_eq!(node.read(1, Some(2)).await, (Some(2), true), "what it had is forgotten");
    node.clock.advance(Duration::from_millis(199));
    assert_eq!(node.read(1, Some(3)).await, (Some(2), false));
    node.clock.advance(Duration::from_millis(51));
    assert_eq!(node.read(1, Some(3)).await, (Some(3), true));
    redis.restart();
    hears(&node.cache).await;
    until("Redis is called again", || node.cache.reach().is_some_and(|reach| reach.redis)).await;
    let before = node.cache.reach().expect("it has a Redis").flushes;
    assert_eq!(node.read(1, Some(4)).await, (Some(4), true));
    raw(&redis).await.send_packed_command(redis::cmd("FLUSHALL").arg("SYNC")).await.expect("flush");
    until("a flush is heard", || node.cache.reach().is_some_and(|reach| reach.flushes > before)).await;
    assert_eq!(node.read(1, Some(5)).await, (Some(5), true));
}

#[tokio::test]
async fn a_thousand_readers_of_one_key_load_it_once_a_node() {
    let Some(redis) = private_redis() else { return };
    let nodes = [Node::new(&redis).await, Node::new(&redis).await, Node::new(&redis).await];
    let loads: Vec<_> = nodes.iter().map(|_| std::cell::Cell::new(0)).collect();
    let readers = nodes.iter().zip(&loads).flat_map(|(node, loads)| {
        (0..1000).map(move |_| async move {
            let load = async || {
                loads.set(loads.get() + 1);
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(Some(7))
            };
            node.cache.get_or_load(&Number(1), load).await.expect("never fails")
        })
    });
    let seen = futures_util::future::join_all(readers).await;
    assert!(seen.iter().all(|text| text.as_deref() == Some(b"7")));
    let loads: Vec<_> = loads.iter().map(std::cell::Cell::get).collect();
    println!("1,000 readers on each of 3 nodes: {loads:?} loads");
    assert!(loads.iter().all(|loads| *loads <= 1) && loads.iter().sum::<i32>() >= 1, "{loads:?}");
}

#[tokio::test]
async fn one_node_loads_and_the_others_wait_for_it_but_not_long() {
    let Some(redis) = private_redis() else { return };
    let (one, other) = (Node::new(&redis).await, Node::new(&redis).await);
    let (looked, has_looked) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel();
    let slow = async || {
        looked.send(()).expect("the other waits");
        may_go_on.await.expect("it is let go");
        Ok::<_, Infallible>(Some(7))
    };
    let second = async {
        has_looked.await.expect("it is being loaded");
        let first_look = other.read(1, Some(8));
        tokio::pin!(first_look);
        until("the other waits", || {
            assert!(futures_util::FutureExt::now_or_never(&mut first_look).is_none());
            other.cache.counts().first().is_some_and(|counts| counts.waits == 1)
        })
        .await;
        go_on.send(()).expect("the loader is there");
        first_look.await
    };
    let (first, second) = tokio::join!(one.cache.get_or_load(&Number(1), slow), second);
    assert_eq!(first.expect("never fails").as_deref(), Some(b"7".as_slice()));
    assert_eq!(second, (Some(7), false), "what the first one found");
    // One that hangs is not waited for.
    let mut hung = Box::pin(one.cache.get_or_load(&Number(2), std::future::pending::<Result<Option<u64>, Infallible>>));
    let read = async {
        until("it is being loaded", || {
            assert!(futures_util::FutureExt::now_or_never(&mut hung).is_none());
            one.cache.counts()[0].misses == 2
        })
        .await;
        other.read(2, Some(9)).await
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), read).await.expect("not for ever"), (Some(9), true));
}
