//! WeChat's access token over several nodes: one fetches, all use it, whatever happens to the one who fetches. WeChat
//! counts.

use crate::support::{
    app::{APPS, TestApp},
    servers::wait_until,
};
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};
use weizhan::{
    app::{App, Guards},
    data::{self, Database},
    model::time::minutes,
    simulator::TokenCalls,
    wechat::ErrorKind,
};

const APPID: &str = APPS[0].0;
/// Calls of each node at once.
const CROWD: usize = 200;

/// Three nodes on one database, with one clock and one WeChat.
struct Cluster {
    first: TestApp,
    others: Vec<App>,
}

impl Cluster {
    async fn new() -> Self {
        let first = TestApp::crowded().await;
        let mut others = Vec::new();
        for _ in 0..2 {
            let config = first.app.config.clone();
            let database = Database::open(&config.database).await.unwrap();
            others.push(App::with_database(config, database, first.clock.clone(), Guards::default()).await.unwrap());
        }
        Self { first, others }
    }

    fn nodes(&self) -> impl Iterator<Item = &App> {
        std::iter::once(&self.first.app).chain(&self.others)
    }

    /// Every node calls WeChat so often at once; how many calls were answered well.
    async fn call(&self, crowd: usize) -> usize {
        let calls = self.nodes().flat_map(|node| {
            (0..crowd).map(move |_| {
                let node = node.clone();
                async move { node.clone().spawn(async move { node.wechat.is_trade_managed(APPID).await }).await }
            })
        });
        join_all(calls).await.into_iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count()
    }

    fn asked(&self) -> TokenCalls {
        self.first.simulator.token_calls()
    }

    async fn end(self) {
        for node in self.others {
            node.shut_down().await;
        }
        self.first.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_and_a_crowd_fetch_once_at_each_expiry() {
    let cluster = Cluster::new().await;
    // None yet; in its last five minutes; dead.
    for (round, passed) in [minutes(0), minutes(117), minutes(121), minutes(115)].into_iter().enumerate() {
        cluster.first.advance(passed);
        assert_eq!(cluster.call(CROWD).await, 3 * CROWD, "round {round}");
        let wanted = u64::try_from(round).unwrap() + 1;
        assert_eq!(cluster.asked(), TokenCalls { asked: wanted, forced: 0 }, "round {round}");
    }
    println!("3 nodes × {CROWD} calls at 4 expiries: {} fetches", cluster.asked().asked);
    let row = {
        let mut session = cluster.first.app.database.read().await.unwrap();
        data::access_token::find(&mut session, APPID).await.unwrap().unwrap()
    };
    assert_eq!(row.version, 4);
    assert!(cluster.nodes().any(|node| node.nodes.holder() == row.fetched_by));
    assert!(!row.token.windows(3).any(|part| part == b"95_"), "it is sealed");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_revoked_under_way_is_forced_once() {
    let cluster = Cluster::new().await;
    assert_eq!(cluster.call(1).await, 3);
    for round in 1..=2 {
        // Forced ones must be half a minute apart.
        cluster.first.advance(minutes(1));
        cluster.first.simulator.revoke_token(APPID).unwrap();
        assert_eq!(cluster.call(CROWD).await, 3 * CROWD, "nobody is told of it");
        assert_eq!(cluster.asked(), TokenCalls { asked: 1 + 2 * round, forced: round }, "asked, and then forced");
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forced_fetches_end_with_what_wechat_allows() {
    let cluster = Cluster::new().await;
    assert_eq!(cluster.call(1).await, 3);
    for round in 1..=20 {
        cluster.first.advance(minutes(1));
        cluster.first.simulator.revoke_token(APPID).unwrap();
        assert_eq!(cluster.call(2).await, 6, "round {round}");
    }
    assert_eq!(cluster.asked().forced, 20);
    cluster.first.advance(minutes(1));
    cluster.first.simulator.revoke_token(APPID).unwrap();
    let refused = cluster.others[0].wechat.is_trade_managed(APPID).await.unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::TooMany, "forced_too_often"));
    assert_eq!(cluster.asked().forced, 20, "WeChat is not asked for the twenty-first");
    // START is noon in Shanghai: a new day.
    cluster.first.advance(minutes(12 * 60));
    assert_eq!(cluster.call(1).await, 3);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_forced_fetches_are_half_a_minute_apart() {
    let cluster = Cluster::new().await;
    assert_eq!(cluster.call(1).await, 3);
    cluster.first.simulator.revoke_token(APPID).unwrap();
    assert_eq!(cluster.call(1).await, 3);
    cluster.first.simulator.revoke_token(APPID).unwrap();
    assert_eq!(cluster.call(1).await, 0);
    assert_eq!(cluster.asked().forced, 1);
    cluster.first.advance(Duration::from_secs(30));
    assert_eq!(cluster.call(1).await, 3);
    assert_eq!(cluster.asked().forced, 2);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_one_who_fetches_dies_another_takes_over() {
    let cluster = Arc::new(Cluster::new().await);
    assert_eq!(cluster.call(1).await, 3);
    cluster.first.advance(minutes(121));
    // A node took the right to fetch, and died.
    let app = &cluster.first.app;
    let (now, dead) = (app.now(), 4711);
    let until = now.plus(Duration::from_secs(10));
    let mut session = app.database.write().await.unwrap();
    assert!(data::access_token::claim(&mut session, APPID, 1, dead, until, now).await.unwrap());
    session.commit().await.unwrap();
    let (asking, waiting) = (cluster.clone(), cluster.clone());
    let calls = app.spawn(async move { asking.call(10).await });
    // Nobody fetches beside it while its right lasts: a call that comes and is given up leaves no trace.
    let patience = Duration::from_millis(300);
    let early = tokio::time::timeout(patience, waiting.others[0].wechat.is_trade_managed(APPID)).await;
    assert!(early.is_err() && waiting.asked().asked == 1 && !calls.is_finished());
    cluster.first.advance(Duration::from_secs(11));
    assert_eq!(calls.await.unwrap(), 30);
    assert_eq!(cluster.asked(), TokenCalls { asked: 2, forced: 0 });
    // Who was taken for dead comes too late.
    let mut session = app.database.write().await.unwrap();
    assert!(!data::access_token::put(&mut session, APPID, dead, b"old", until, "x", now).await.unwrap());
    drop(session);
    drop(waiting);
    assert!(wait_until(|| Arc::strong_count(&cluster) == 1));
    Arc::into_inner(cluster).unwrap().end().await;
}
