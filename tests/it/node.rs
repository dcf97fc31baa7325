//! Nodes: each process has a number that no other has, is seen while it lives, and gives the number back.

use crate::support::{
    app::TestApp,
    node::Deployment,
    servers::process::{free_port, wait_until},
};
use serde_json::Value;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use weizhan::{
    app::{App, Guards, NoNumber, Role, SystemClock},
    compute::{lease::Lease, worker},
    config::Config,
    data::{self, Database},
    model::{
        id::{JobId, OrderId},
        job::Work,
        node::NodeState,
        time::{Clock, Timestamp},
    },
    service,
};

/// A machine's clock that is off by so many milliseconds.
#[derive(Debug, Default)]
struct Off(AtomicI64);

impl Clock for Off {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::SeqCst))
    }
}

/// The settings of a shop with a clock that ticks, on the database of a test.
fn config(app: &TestApp, id: Option<u8>, lease_ms: u64) -> Config {
    let mut config = app.app.config.clone();
    (config.node.id, config.node.lease_ms) = (id, lease_ms);
    config
}

fn server() -> Role {
    Role::Server("127.0.0.1:1".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_processes_have_the_same_number() {
    let app = TestApp::new().await;
    let open = |id, role| App::open(config(&app, id, 60_000), Arc::new(SystemClock), role);
    let mut all = Vec::new();
    for _ in 0..4 {
        // At the same moment, and beside those that are there.
        let (one, other) = tokio::join!(open(None, server()), open(Some(0), Role::Tool));
        all.extend([one.unwrap(), other.unwrap()]);
    }
    let mut numbers: Vec<_> = all.iter().map(|node| node.nodes.number().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 28, 29, 30, 31], "servers from below, tools from above");
    let ids: HashSet<i64> = all.iter().flat_map(|node| (0..5_000).map(|_| node.ids.next(OrderId).0)).collect();
    assert_eq!(ids.len(), 8 * 5_000);
    let cluster = service::node::list(&all[0]).await.unwrap();
    assert_eq!(cluster.nodes.len(), 4, "tools are no nodes");
    for node in &all {
        node.beat().await.unwrap();
        assert_eq!(node.nodes.alive(), 4);
    }
    // One that left in order is free at once, and its successor's ids are others.
    let left = all.swap_remove(0);
    let number = left.nodes.number().unwrap();
    left.shut_down().await;
    let next = open(None, server()).await.unwrap();
    assert_eq!(next.nodes.number(), Some(number));
    assert!((0..5_000).all(|_| !ids.contains(&next.ids.next(OrderId).0)));
    next.shut_down().await;
    for node in all {
        node.shut_down().await;
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_of_a_living_process_is_refused_and_one_of_a_dead_process_is_waited_for() {
    let app = TestApp::new().await;
    let open = |lease_ms| App::open(config(&app, Some(7), lease_ms), Arc::new(SystemClock), server());
    let living = open(1_000).await.unwrap();
    let over = tokio_util::sync::CancellationToken::new();
    let (beating, stopped) = (living.clone(), over.clone());
    let hearts = living.spawn(async move {
        while !stopped.is_cancelled() {
            beating.beat().await.unwrap();
            tokio::time::sleep(beating.beat_every()).await;
        }
    });
    let refused = open(1_000).await.unwrap_err();
    let weizhan::app::Error::Node(NoNumber::Taken { number, holder, .. }) = &refused else { panic!("{refused}") };
    assert_eq!((*number, holder.as_str()), (7, living.nodes.holder()));
    assert!(refused.to_string().contains("leave node.id at \"auto\""), "{refused}");
    // It dies: no sign of life, no farewell.
    over.cancel();
    hearts.await.unwrap();
    let next = open(1_000).await.unwrap();
    assert_eq!(next.nodes.number(), Some(7));
    // The dead one was only asleep: it notices, and takes another.
    let before = living.ids.next(OrderId);
    living.beat().await.unwrap();
    assert_eq!(living.nodes.number(), Some(0));
    let (mine, others) = (living.ids.next(OrderId), next.ids.next(OrderId));
    assert!(mine != others && before != others);
    living.shut_down().await;
    next.shut_down().await;
    app.end().await;
}

#[tokio::test]
async fn a_node_whose_clock_is_wrong_leads_nothing_and_shortens_no_lease() {
    let app = TestApp::new().await;
    let (right, wrong) = (Arc::new(SystemClock), Arc::new(Off::default()));
    let open = async |clock: Arc<dyn Clock>| {
        let database = Database::open(&app.app.config.database).await.unwrap();
        App::with_database(config(&app, None, 60_000), database, clock, Guards::default()).await.unwrap()
    };
    let (sure, unsure) = (open(right).await, open(wrong.clone()).await);
    let (mut first, mut second) = (Lease::new(&sure, "x"), Lease::new(&unsure, "x"));
    assert!(first.hold(&sure).await.unwrap().is_some());
    for minutes in [10, -10, 26 * 60, -26 * 60] {
        wrong.0.store(minutes * 60_000, Ordering::SeqCst);
        // It has not even noticed: no lease ends early all the same.
        assert!(second.hold(&unsure).await.unwrap().is_none(), "{minutes}");
    }
    first.resign(&sure).await.unwrap();
    // A job that somebody works on is not taken from him either.
    let work = Work::CleanUp { slot: 0 };
    let mut session = sure.database.write().await.unwrap();
    let now = sure.now();
    data::job::enqueue(&mut session, sure.ids.next(JobId), &work, now, None, now).await.unwrap();
    let until = now.plus(Duration::from_secs(30));
    let jobs = data::job::claim(&mut session, 1, 1, until, now).await.unwrap();
    session.commit().await.unwrap();
    wrong.0.store(10 * 60_000, Ordering::SeqCst);
    assert_eq!(worker::run_due(&unsure).await.unwrap(), 0);
    let mut session = sure.database.write().await.unwrap();
    assert!(data::job::retry(&mut session, &jobs[0].claim, now, "").await.unwrap(), "it is still his");
    session.commit().await.unwrap();
    // It leads by the database's time, which it is also told.
    let term = second.hold(&unsure).await.unwrap().unwrap();
    assert!(term.now.0.abs_diff(SystemClock.now().0) < 60_000);
    sure.shut_down().await;
    unsure.shut_down().await;
    // With a row it notices, and then it leads no more.
    let clock: Arc<Off> = Arc::default();
    let node = App::open(config(&app, None, 60_000), clock.clone(), server()).await.unwrap();
    let mut third = Lease::new(&node, "y");
    for (off, leads) in [(0, true), (2_500, true), (61_000, false), (-61_000, false), (0, true)] {
        clock.0.store(off, Ordering::SeqCst);
        node.beat().await.unwrap();
        assert!(node.nodes.skew_ms().abs_diff(off) < 2_000, "{off}: {}", node.nodes.skew_ms());
        assert_eq!(third.hold(&node).await.unwrap().is_some(), leads, "{off}");
        if !leads {
            assert_eq!(worker::run_due(&node).await.unwrap(), 0, "nor does it work: what is due for it may not be");
        }
    }
    assert_eq!(worker::run_due(&node).await.unwrap(), 1);
    let own = service::node::list(&node).await.unwrap().nodes;
    assert_eq!((own.len(), own[0].node.state), (1, NodeState::Serving));
    node.shut_down().await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_shown_while_they_live() {
    let mut shop = Deployment::new().await;
    shop.set("node.lease_ms", "2000");
    let mut first = shop.serve();
    let port = free_port();
    let mut second = shop.serve_alongside(port);
    let owner = shop.owner().await;
    let shown = async || owner.get("/admin/v1/nodes").send().await.expect(200)["items"].as_array().unwrap().clone();
    let nodes = shown().await;
    let field = |name: &str| nodes.iter().map(|node| node[name].clone()).collect::<Vec<Value>>();
    assert_eq!(field("number"), [0, 1]);
    assert_eq!(field("state"), ["serving", "serving"]);
    assert_eq!(field("address")[1], format!("127.0.0.1:{port}"));
    let leads = async || shown().await.iter().filter(|node| node["leader"] == true).count();
    let mut led = 0;
    while led == 0 {
        led = leads().await;
    }
    assert_eq!(led, 1);
    shop.succeed(&["nodes"]);
    shop.succeed(&["nodes", "--json"]);
    let log = shop.log("weizhan");
    assert!(log.contains("2 of 2 nodes alive") && log.contains("\"nodes\": ["), "{log}");
    // Killed, it is silent at first and gone when its lease has ended.
    second.kill9();
    while shown().await.len() > 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A third takes its number.
    let mut third = shop.serve_alongside(port);
    assert_eq!(shown().await[1]["number"], 1);
    // Stopped in order, it is gone at once.
    assert!(third.terminate().success(), "{}", third.log());
    assert_eq!(shown().await.len(), 1);
    assert!(wait_until(|| shop.is_ready()));
    assert!(first.terminate().success(), "{}", first.log());
}
