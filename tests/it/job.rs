//! Jobs are never lost, never done twice, and never in vain. Shown with workers that race, die, are too slow, fail and
//! panic.

use crate::support::{
    app::TestApp,
    client::User,
    full,
    shop::{failing, id},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use weizhan::{
    compute::worker::run_due,
    data,
    model::{
        id::{JobId, OrderId},
        job::{Claim, Job, JobState, Work},
        time::minutes,
    },
    service,
};

const ORDER: &str = "/v3/pay/transactions/out-trade-no/";
/// How long a claim lasts.
const LEASE: Duration = Duration::from_secs(30);

async fn enqueue(app: &TestApp, count: i64) {
    let mut session = app.app.database.write().await.unwrap();
    for slot in 0..count {
        assert!(service::job::enqueue(&app.app, &mut session, &Work::CleanUp { slot }, app.app.now()).await.unwrap());
    }
    session.commit().await.unwrap();
}

/// What a worker does first; its token is the number given.
async fn claim(app: &TestApp, limit: i64, token: i64) -> Vec<Job> {
    let now = app.app.now();
    let mut session = app.app.database.write().await.unwrap();
    data::job::sweep(&mut session, now).await.unwrap();
    let jobs = data::job::claim(&mut session, limit, token, now.plus(LEASE), now).await.unwrap();
    session.commit().await.unwrap();
    jobs
}

async fn count(app: &TestApp, state: JobState) -> i64 {
    data::job::count(&mut app.app.database.read().await.unwrap(), state).await.unwrap()
}

/// An order that nobody paid in time: its closing job is the one that is due.
async fn expired_order(app: &TestApp) -> (User, Value) {
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 2).await.expect(201);
    app.advance(minutes(30));
    (ann, order)
}

fn order_id(order: &Value) -> OrderId {
    OrderId(id(order).parse().unwrap())
}

#[tokio::test]
async fn a_job_is_enqueued_with_its_change_or_not_at_all() {
    let app = TestApp::new().await;
    let now = app.app.now();
    let mut session = app.app.database.write().await.unwrap();
    assert!(service::job::enqueue(&app.app, &mut session, &Work::CleanUp { slot: 7 }, now).await.unwrap());
    assert!(
        !service::job::enqueue(&app.app, &mut session, &Work::CleanUp { slot: 7 }, now).await.unwrap(),
        "one a subject"
    );
    drop(session);
    assert_eq!((app.run_jobs().await, app.number("SELECT COUNT(*) FROM jobs").await), (0, 0));
    // A refused order leaves no job either.
    let (goods, ann) = (app.goods(100, 1).await, app.buyer("ann").await);
    ann.order(&goods, 2).await.expect_problem(409, "order.out_of_stock");
    assert_eq!(app.number("SELECT COUNT(*) FROM jobs").await, 0);
    enqueue(&app, 1).await;
    assert_eq!((app.run_jobs().await, count(&app, JobState::Done).await), (1, 1));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_workers_claim_each_job_once() {
    let app = TestApp::crowded().await;
    let jobs = if full() { 2_000 } else { 200 };
    enqueue(&app, jobs).await;
    let worker = |token: i64| {
        let app = &app;
        async move {
            let mut claimed = Vec::new();
            loop {
                let some = claim(app, 7, token).await;
                if some.is_empty() {
                    return claimed;
                }
                claimed.extend(some.into_iter().map(|job| job.claim.id.0));
            }
        }
    };
    let claimed: Vec<i64> = join_all((1..=8).map(worker)).await.concat();
    let jobs_count = usize::try_from(jobs).unwrap();
    assert_eq!((claimed.len(), claimed.iter().collect::<BTreeSet<_>>().len()), (jobs_count, jobs_count));
    assert_eq!(count(&app, JobState::Running).await, jobs);
    // All eight die; eight others do the work.
    app.advance(LEASE + Duration::from_millis(1));
    let run: usize = join_all((0..8).map(|_| run_due(&app.app))).await.into_iter().map(|count| count.unwrap()).sum();
    assert_eq!((run, count(&app, JobState::Done).await), (jobs_count, jobs));
    app.end().await;
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_cannot_finish() {
    let app = TestApp::new().await;
    let (ann, order) = expired_order(&app).await;
    let slow = claim(&app, 9, 1).await.remove(0);
    assert!(claim(&app, 9, 2).await.is_empty(), "it is held");
    app.advance(LEASE);
    assert!(claim(&app, 9, 2).await.is_empty(), "to the last millisecond");
    app.advance(Duration::from_millis(1));
    let quick = claim(&app, 9, 2).await.remove(0);
    assert_eq!((quick.claim.id, quick.claim.attempt), (slow.claim.id, 2));
    let id = order_id(&order);
    let late = service::order::expire(&app.app, &slow.claim, id).await.expect_err("the lease is lost");
    assert!(late.to_string().contains("lease"), "{late}");
    assert_eq!(ann.see(&order).await["state"], "pending", "the effect was undone");
    let forged = Claim { lease_token: 3, ..quick.claim.clone() };
    service::order::expire(&app.app, &forged, id).await.expect_err("nobody's token");
    let mut session = app.app.database.write().await.unwrap();
    assert!(!data::job::retry(&mut session, &slow.claim, app.app.now(), "x").await.unwrap());
    assert!(!data::job::bury(&mut session, &slow.claim, "x", app.app.now()).await.unwrap());
    assert!(!data::job::extend(&mut session, &slow.claim, app.app.now().plus(LEASE)).await.unwrap());
    assert!(data::job::extend(&mut session, &quick.claim, app.app.now().plus(LEASE)).await.unwrap());
    session.commit().await.unwrap();
    service::order::expire(&app.app, &quick.claim, id).await.expect("the holder");
    assert_eq!((ann.see(&order).await["version"].clone(), count(&app, JobState::Done).await), (json!(2), 1));
    app.end().await;
}

#[tokio::test]
async fn the_job_of_a_dead_worker_is_taken_over_and_given_up_at_its_last_attempt() {
    let app = TestApp::new().await;
    enqueue(&app, 1).await;
    // Each worker that takes it dies.
    for attempt in 1..=5 {
        assert_eq!(claim(&app, 1, attempt).await[0].claim.attempt, attempt);
        assert_eq!(app.run_jobs().await, 0);
        app.advance(LEASE + Duration::from_millis(1));
    }
    assert_eq!((app.run_jobs().await, count(&app, JobState::Dead).await), (0, 1));
    assert_eq!(app.broken().await.len(), 1, "verify tells of it");
    redrive(&app).await;
    assert_eq!((app.run_jobs().await, count(&app, JobState::Done).await), (1, 1));
    app.end().await;
}

async fn redrive(app: &TestApp) {
    let dead = JobId(app.number("SELECT id FROM jobs WHERE state = 'dead'").await);
    let mut session = app.app.database.write().await.unwrap();
    assert!(data::job::redrive(&mut session, dead, app.app.now()).await.unwrap());
    assert!(!data::job::redrive(&mut session, dead, app.app.now()).await.unwrap(), "once");
    session.commit().await.unwrap();
}

#[tokio::test]
async fn a_failing_job_waits_longer_each_time_then_dies_and_can_be_driven_again() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    app.begin_payment(&ann, &order).await;
    app.spoil("UPDATE jobs SET attempts_max = 5 WHERE kind = 'query_payment'").await;
    failing(&app, "GET", ORDER, 1_000, 500, "SYSTEM_ERROR");
    app.advance(Duration::from_secs(5));
    for wait in [1_000, 2_000, 4_000, 8_000] {
        assert_eq!(app.run_jobs().await, 1);
        let due = app.number("SELECT run_ms FROM jobs WHERE kind = 'query_payment'").await - app.app.now().0;
        assert!((wait * 8 / 10..=wait * 12 / 10).contains(&due), "{due} ms instead of {wait}, give or take a fifth");
        app.advance(Duration::from_millis(u64::try_from(due).unwrap() - 1));
        assert_eq!(app.run_jobs().await, 0, "not before");
        app.advance(Duration::from_millis(1));
    }
    assert_eq!((app.run_jobs().await, count(&app, JobState::Dead).await), (1, 1));
    let told = app.rows().texts("SELECT last_error FROM jobs WHERE state = 'dead'").await;
    assert!(told[0].contains("SYSTEM_ERROR"), "{told:?}");
    app.advance(minutes(10));
    assert_eq!(app.run_jobs().await, 0, "nobody touches it");
    app.simulator.faults().clear();
    redrive(&app).await;
    assert_eq!(app.run_jobs().await, 1);
    assert_eq!(
        (count(&app, JobState::Dead).await, count(&app, JobState::Ready).await),
        (0, 2),
        "it follows its plan again"
    );
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn a_panic_counts_as_an_attempt_and_stops_nobody_else() {
    let app = TestApp::new().await;
    let (ann, order) = expired_order(&app).await;
    let goods = app.goods(100, 5).await;
    let begun = ann.order(&goods, 1).await.expect(201);
    app.begin_payment(&ann, &begun).await;
    // The next step after the greatest number there is: additions are checked in tests.
    let payload =
        "UPDATE jobs SET run_ms = 0, payload = REPLACE(payload, '\"step\":0', '\"step\":18446744073709551615')
                   WHERE kind = 'query_payment'";
    app.spoil(payload).await;
    assert_eq!(app.run_jobs().await, 2);
    assert_eq!(ann.see(&order).await["state"], "closed", "the other job was done");
    let attempt = "SELECT attempt FROM jobs WHERE state = 'ready' AND last_error LIKE '%panicked%overflow%'";
    assert_eq!(app.number(attempt).await, 1);
    app.spoil("UPDATE jobs SET payload = REPLACE(payload, '18446744073709551615', '0') WHERE kind = 'query_payment'")
        .await;
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn a_job_of_another_version_holds_up_nobody() {
    let app = TestApp::new().await;
    enqueue(&app, 1).await;
    app.spoil("UPDATE jobs SET payload = REPLACE(payload, 'clean_up', 'of_tomorrow'), attempts_max = 3").await;
    for _ in 0..2 {
        let now = app.app.now();
        let mut session = app.app.database.write().await.unwrap();
        let work = Work::CleanUp { slot: now.0 };
        service::job::enqueue(&app.app, &mut session, &work, now).await.unwrap();
        session.commit().await.unwrap();
        assert_eq!(app.run_jobs().await, 1, "the one that can be read");
        assert_eq!(app.run_jobs().await, 0);
        app.advance(minutes(1));
    }
    assert_eq!((app.run_jobs().await, count(&app, JobState::Dead).await), (0, 1), "given up after three attempts");
    app.spoil("UPDATE jobs SET payload = REPLACE(payload, 'of_tomorrow', 'clean_up') WHERE state = 'dead'").await;
    redrive(&app).await;
    assert_eq!(app.run_jobs().await, 1);
    app.end().await;
}

#[tokio::test]
async fn staff_try_a_job_that_was_given_up_once_more() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let order = ann.order(&goods, 1).await.expect(201);
    app.spoil("UPDATE jobs SET state = 'dead', last_error = 'x', attempt = 60 WHERE kind = 'close_unpaid_order'").await;
    let dead = owner.get("/admin/v1/jobs").send().await.expect(200);
    let job = &dead["items"][0];
    assert_eq!((dead["items"].as_array().unwrap().len(), &job["last_error"]), (1, &serde_json::json!("x")));
    assert_eq!(job["subject"], format!("close_unpaid_order:{}", order["id"].as_str().unwrap()));
    let redrive = format!("/admin/v1/jobs/{}/redrive", job["id"].as_str().unwrap());
    assert_eq!(owner.post(&redrive).send().await.expect(200)["state"], "ready");
    owner.post(&redrive).send().await.expect_problem(409, "job.state_forbids");
    owner.post("/admin/v1/jobs/42/redrive").send().await.expect_problem(404, "job.not_found");
    app.advance(minutes(31));
    app.run_jobs().await;
    assert_eq!(ann.see(&order).await["state"], "closed");
    app.end().await;
}
