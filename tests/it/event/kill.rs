//! Claimed: every event that was acknowledged is in the log once, whoever is killed: the server that took it, or the database
//! that wrote it.
//!
//! Shown: clients tell of events and send the same again until they are answered, as a mini-program does, while the one or
//! the other is killed at random moments (the seed is printed; `WEIZHAN_TEST_SEED` repeats them) and started again.

use super::{ids, log, report, tell};
use crate::support::{
    Backend,
    app::{START, Setup, TestApp, fresh_mariadb},
    backend,
    client::Client,
    full,
    node::Deployment,
    seed::Seed,
    servers::Mariadb,
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use weizhan::{app::SystemClock, data::Database, model::time::Clock};

/// How long a client tries again. Only a broken server takes it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Tell of events until it is over; the ids that were acknowledged.
async fn keep_telling(client: Client, name: String, over: CancellationToken) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for round in 0.. {
        if over.is_cancelled() {
            break;
        }
        let own: Vec<_> = ids(&format!("{name}-{round:05}"), 30).collect();
        let body = report(&format!("installation-{name}"), SystemClock.now(), own.clone());
        let began = Instant::now();
        loop {
            match tell(&client, &body).try_send().await {
                Ok(answer) if answer.status.as_u16() == 200 => break,
                outcome => assert!(began.elapsed() < PATIENCE, "{outcome:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        acknowledged.extend(own);
    }
    acknowledged
}

/// Each that was acknowledged is there, and nothing is there twice or at a place out of line.
async fn compare(database: &Database, acknowledged: &[String]) {
    let all = log(database).await;
    let mut count = BTreeMap::<_, usize>::new();
    for logged in &all {
        *count.entry(logged.event.event_id.as_str()).or_default() += 1;
    }
    assert!(count.values().all(|count| *count == 1), "an event is there twice");
    let lost: Vec<_> = acknowledged.iter().filter(|id| !count.contains_key(id.as_str())).collect();
    assert_eq!(lost, Vec::<&String>::new());
    for pair in all.windows(2) {
        let next = (pair[0].partition_no, pair[0].position + 1);
        let found = (pair[1].partition_no, pair[1].position);
        assert!(found == next || (found.0 > next.0 && found.1 == 1), "{next:?}, {found:?}");
    }
    println!("{} events acknowledged, {} in the log", acknowledged.len(), all.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_kill_9_of_the_server() {
    let seed = Seed::of_run();
    let shop = Arc::new(Deployment::new().await);
    let (mut node, over, mut crowd) = (shop.serve(), CancellationToken::new(), JoinSet::new());
    for number in 0..4 {
        crowd.spawn(keep_telling(shop.nobody(), format!("client{number}"), over.clone()));
    }
    for _ in 0..if full() { 100 } else { 5 } {
        // The moment is the experiment; nothing is waited for.
        tokio::time::sleep(Duration::from_millis(100 + seed.next() % 500)).await;
        node.kill9();
        node = shop.serve();
    }
    over.cancel();
    let acknowledged = crowd.join_all().await.concat();
    assert!(!acknowledged.is_empty());
    assert!(node.terminate().success(), "{}", node.log());
    shop.succeed(&["verify"]);
    let database = Database::open(&shop.config().database).await.unwrap();
    compare(&database, &acknowledged).await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_kill_9_of_the_database() {
    if backend() != Backend::Mariadb {
        return;
    }
    let (seed, server) = (Seed::of_run(), Mariadb::private());
    let url = fresh_mariadb(&server.url_base()).await;
    let app = TestApp::with(Setup { database_url: Some(url), ..Setup::default() }).await;
    let (over, mut crowd) = (CancellationToken::new(), JoinSet::new());
    for number in 0..4 {
        crowd.spawn(keep_telling(app.nobody(), format!("client{number}"), over.clone()));
    }
    for _ in 0..if full() { 40 } else { 3 } {
        tokio::time::sleep(Duration::from_millis(100 + seed.next() % 500)).await;
        server.kill9();
        server.restart();
    }
    over.cancel();
    let acknowledged = crowd.join_all().await.concat();
    assert!(!acknowledged.is_empty() && app.clock.now() == START);
    compare(&app.app.database, &acknowledged).await;
    app.end().await;
}
