//! Claimed: nobody notices when the nodes behind nginx are replaced one after the other; a node that is killed costs no more
//! than the requests it was at, and is back at once; neither loses a job or anything acknowledged.
//!
//! Shown: `weizhan cluster` runs as people start it, three nodes behind nginx on MariaDB and Redis, and is told what to do
//! by its own commands, while clients that never send anything twice by themselves keep their connections busy.

use crate::support::{
    Backend, backend,
    client::{new_key, until_answered},
    cluster::{Cluster, Load},
    full,
};
use serde_json::json;
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use weizhan::{
    app::SystemClock,
    cli::tour,
    data::{self, Database, Guards, Sql},
    model::{job::JobState, time::Clock},
};

/// Longer than any test: a job whose lease was not released would wait so long.
const LEASE: (&str, &str) = ("WEIZHAN__JOBS__LEASE_SECONDS", "3600");
const CLIENTS: usize = 16;
/// Attempts to pay that nobody ends: each has a job that asks WeChat again and again.
const ATTEMPTS: usize = 40;

const fn both(name: &'static str, text: &'static str) -> Sql {
    Sql { name, mysql: text, sqlite: text }
}
const ORDERS: Sql = both("rolling::ORDERS", "SELECT id FROM orders");
const ASKING: Sql = both("rolling::ASKING", "SELECT id FROM jobs WHERE kind = 'query_payment' AND state = 'ready'");
const ASK_NOW: Sql =
    both("rolling::ASK_NOW", "UPDATE jobs SET run_ms = 0 WHERE kind = 'query_payment' AND state = 'ready'");

/// Clients at work.
async fn under_load(cluster: &Cluster) -> (Arc<Load>, JoinSet<()>) {
    let (load, skus) = (Arc::<Load>::default(), Arc::new(cluster.goods(8).await));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let user = cluster.buyer(&format!("client-{number}")).await;
        clients.spawn(load.clone().keep(user, skus.clone(), number));
    }
    (load, clients)
}

async fn run(cluster: &Arc<Cluster>, arguments: &[&'static str]) -> String {
    let (cluster, arguments) = (cluster.clone(), arguments.to_vec());
    tokio::task::spawn_blocking(move || cluster.succeed(&arguments)).await.expect("joined")
}

async fn until(load: &Load, count: usize) {
    while load.count() < count {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whole purchases one after the other, with callbacks and jobs; how many.
async fn keep_touring(target: tour::TourTarget, stop: CancellationToken) -> usize {
    let mut count = 0;
    while !stop.is_cancelled() {
        let mut said = Vec::new();
        let outcome = tour::run(&target, &mut said).await;
        outcome.unwrap_or_else(|error| panic!("{error:#}\n{}", String::from_utf8_lossy(&said)));
        count += 1;
    }
    count
}

async fn count(database: &Database, state: JobState) -> i64 {
    data::job::count(&mut database.read().await.unwrap(), state).await.unwrap()
}

/// Orders that somebody is about to pay; the jobs that ask WeChat for each.
async fn unpaid(cluster: &Cluster, database: &Database) -> HashSet<i64> {
    let (buyer, sku) = (cluster.buyer("waverer").await, cluster.goods(1).await.remove(0));
    let address = json!({ "name": "王小明", "phone": "13800000000", "province": "浙江省", "city": "杭州市",
        "detail": "文三路 1 号" });
    let address = buyer.post("/v1/addresses").json(&address).send().await.expect(201)["id"].clone();
    let body = json!({ "lines": [{ "sku_id": sku, "qty": 1 }], "address_id": address });
    for _ in 0..ATTEMPTS {
        let order = buyer.post("/v1/orders").key(&new_key()).json(&body).send().await.expect(201);
        let order = order["id"].as_str().unwrap().to_owned();
        buyer.post(&format!("/v1/orders/{order}/payment")).send().await.expect(200);
    }
    asking(database).await
}

async fn asking(database: &Database) -> HashSet<i64> {
    let rows: Vec<(i64,)> = database.read().await.unwrap().all(ASKING, ()).await.unwrap();
    rows.into_iter().map(|(id,)| id).collect()
}

/// Make those jobs due again and again; the most that ran at the same time.
async fn keep_asking(database: Database, stop: CancellationToken) -> i64 {
    let mut most = 0;
    while stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(100))).await.is_some() {
        let mut session = database.write().await.unwrap();
        session.execute(ASK_NOW, ()).await.unwrap();
        session.commit().await.unwrap();
        most = most.max(count(&database, JobState::Running).await);
    }
    most
}

/// Wait until no job runs and none is due.
async fn quiesce(database: &Database) {
    let began = Instant::now();
    loop {
        let due = data::job::next_due(&mut database.read().await.unwrap()).await.unwrap();
        let running = count(database, JobState::Running).await;
        if running == 0 && due.is_none_or(|due| due > SystemClock.now()) {
            return;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{running} jobs run, one was due at {due:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every order that was acknowledged is there; how many there are in all.
async fn all_there(database: &Database, load: &Load) -> usize {
    let rows: Vec<(i64,)> = database.read().await.unwrap().all(ORDERS, ()).await.unwrap();
    let rows: HashSet<i64> = rows.into_iter().map(|(id,)| id).collect();
    let orders = load.orders.lock().unwrap();
    let lost: Vec<_> = orders.iter().filter(|id| !rows.contains(id)).collect();
    assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
    rows.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_replaced_one_after_the_other_and_nobody_notices() {
    if backend() != Backend::Mariadb {
        return;
    }
    let (rounds, wanted) = if full() { (10, 50_000) } else { (1, 1_500) };
    let cluster = Arc::new(Cluster::open(&[LEASE]));
    let database = Database::connect(&cluster.config.database, Guards::default()).await.unwrap();
    let asked = unpaid(&cluster, &database).await;
    assert_eq!(asked.len(), ATTEMPTS);
    // Jobs that ask WeChat take a while, so that each node has some when it is told to end.
    let slow = json!({ "slow_ms": 200 });
    assert!(cluster.wechat().put("/_simulator/api/faults").json(&slow).send().await.status.is_success());
    let (load, clients) = under_load(&cluster).await;
    let (mut tours, toured) = (JoinSet::new(), CancellationToken::new());
    for _ in 0..3 {
        tours.spawn(keep_touring(cluster.tour(), toured.clone()));
    }
    let asking_on = {
        let mut task = JoinSet::new();
        task.spawn(keep_asking(database.clone(), toured.clone()));
        task
    };
    let (began, mut at_work) = (Instant::now(), Vec::new());
    for round in 1..=rounds {
        until(&load, wanted * (2 * round - 1) / (2 * rounds)).await;
        at_work.push(count(&database, JobState::Running).await);
        let told = run(&cluster, &["cluster", "restart"]).await;
        assert_eq!(told.lines().count(), 3, "{told}");
    }
    until(&load, wanted).await;
    load.over.cancel();
    clients.join_all().await;
    let took = began.elapsed();
    toured.cancel();
    let purchases: usize = tours.join_all().await.into_iter().sum();
    let most = asking_on.join_all().await.remove(0);
    println!(
        "{rounds} rolling restarts of 3 nodes: {} requests in {} s, {} orders, {purchases} purchases, {} failed; \
         jobs running when a restart began: {at_work:?}, at most {most}",
        load.count(),
        took.as_secs(),
        load.orders.lock().unwrap().len(),
        load.failures.lock().unwrap().len(),
    );
    let failures = load.failures.lock().unwrap().iter().map(|failure| failure.what.clone()).collect::<Vec<_>>();
    assert_eq!(failures, Vec::<String>::new());
    quiesce(&database).await;
    let orders = all_there(&database, &load).await;
    assert_eq!(orders, load.orders.lock().unwrap().len() + purchases + ATTEMPTS, "each was placed once");
    let left = asking(&database).await;
    assert!(asked.is_subset(&left), "a job was lost: {:?}", asked.difference(&left).collect::<Vec<_>>());
    assert!(most > 0, "jobs must be running for this to say anything");
    assert_eq!(count(&database, JobState::Dead).await, 0);
    database.close().await;
    run(&cluster, &["--config", ".weizhan-cluster/config.toml", "verify"]).await;
    Arc::into_inner(cluster).expect("nobody else has it").stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_costs_what_it_was_at_and_is_back_at_once() {
    if backend() != Backend::Mariadb {
        return;
    }
    let rounds = if full() { 10 } else { 2 };
    let cluster = Arc::new(Cluster::open(&[]));
    let database = Database::connect(&cluster.config.database, Guards::default()).await.unwrap();
    let (load, clients) = under_load(&cluster).await;
    let (mut longest, mut failed) = (Duration::ZERO, 0);
    let nodes = [("1", cluster.node(1)), ("2", cluster.node(2)), ("3", cluster.node(3))];
    for (round, (number, node)) in (1..=rounds).zip(nodes.iter().cycle()) {
        until(&load, round * 300).await;
        // In turn: one that dies as soon as it lives is started more and more slowly.
        run(&cluster, &["cluster", "kill", number]).await;
        let killed = Instant::now();
        // What comes now waits in the queue of the socket, which stays, and is answered by the next process; but what comes
        // over a connection of the last round meets the process that died.
        let ready = until_answered(|| node.get("/readyz")).await;
        assert_eq!(ready.status.as_u16(), 200, "{ready:?}");
        longest = longest.max(killed.elapsed());
        until(&load, load.count() + 100).await;
        let failures = std::mem::take(&mut *load.failures.lock().unwrap());
        failed += failures.len();
        assert!(failures.len() <= CLIENTS, "more than were in flight: {failures:?}");
        for failure in &failures {
            assert!(failure.sent <= killed, "sent after the kill, and failed: {failure:?}");
        }
    }
    load.over.cancel();
    clients.join_all().await;
    let (requests, orders) = (load.count(), load.orders.lock().unwrap().len());
    println!(
        "{rounds} kills of one of 3 nodes: {requests} requests, {failed} failed, all in flight at a kill; whole again \
         after {} ms at most",
        longest.as_millis()
    );
    assert_eq!(load.failures.lock().unwrap().len(), 0);
    // The key of an order that failed was sent again: what the killed node had done is found and not done twice.
    assert_eq!(all_there(&database, &load).await, orders);
    database.close().await;
    run(&cluster, &["--config", ".weizhan-cluster/config.toml", "verify"]).await;
    Arc::into_inner(cluster).expect("nobody else has it").stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_killed_cluster_runs_on_and_its_data_is_kept() {
    if backend() != Backend::Mariadb {
        return;
    }
    let mut cluster = Cluster::open(&[]);
    let told = String::from_utf8_lossy(&cluster.run(&["cluster", "kill", "4"]).stdout).into_owned();
    assert!(told.contains("there is no node 4"), "{told}");
    cluster.process.kill9();
    assert!(cluster.is_gone(), "its guard ends what it left");
    // What it was at is recovered: the next one opens the same shop.
    let toured = cluster.succeed(&["cluster", "--port", "0", "--without-redis", "--nodes", "1", "--tour"]);
    assert!(toured.contains("all steps held"), "{toured}");
    assert!(cluster.is_gone());
}
