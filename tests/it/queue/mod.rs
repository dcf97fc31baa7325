//! Queues take what is bound to them, nothing that is held back begins, and nobody waits for what is held back.
//!
//! One suite of claims ([`conformance`]) holds the queue of the database, and a `RabbitMQ` when the feature is on and one is
//! installed; `rabbitmq` has what is of that one alone.

mod conformance;
mod nodes;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;

use crate::support::{
    app::{Setup, TestApp},
    full,
};
use conformance::Port;
use std::time::{Duration, Instant};
use weizhan::{
    compute::worker::run_due,
    data,
    model::{
        binding::Binding,
        id::JobId,
        job::{Claim, Job, JobState, Work},
        throttle::Scope,
        time::minutes,
    },
    service,
};

const LEASE: Duration = Duration::from_secs(30);

fn binding(pattern: &str, queue: &str, gray: Option<(&str, i64)>) -> Binding {
    Binding {
        pattern: pattern.to_owned(),
        queue: queue.to_owned(),
        gray_queue: gray.map(|(queue, _)| queue.to_owned()),
        gray_percent: gray.map_or(0, |(_, percent)| percent),
    }
}

async fn bind(app: &TestApp, pattern: &str, queue: &str, gray: Option<(&str, i64)>) {
    service::binding::put(&app.app, &binding(pattern, queue, gray)).await.unwrap();
}

/// Enqueue `CleanUp` with these numbers in the default queue, or where bindings say.
async fn enqueue(app: &TestApp, slots: impl IntoIterator<Item = i64>) {
    let mut session = app.app.database.write().await.unwrap();
    for slot in slots {
        assert!(service::job::enqueue(&app.app, &mut session, &Work::CleanUp { slot }, app.app.now()).await.unwrap());
    }
    session.commit().await.unwrap();
}

/// A job that is urgent and does nothing.
async fn enqueue_urgent(app: &TestApp) -> JobId {
    let (mut session, now) = (app.app.database.write().await.unwrap(), app.app.now());
    let id = app.app.ids.next(JobId);
    let work = Work::ForgetCached { hot: Vec::new() };
    assert!(data::job::enqueue(&mut session, id, &work, now, None, now).await.unwrap());
    session.commit().await.unwrap();
    id
}

async fn claim(app: &TestApp, queues: &[&str], limit: i64) -> Vec<Job> {
    let now = app.app.now();
    let queues: Vec<_> = queues.iter().map(|queue| (*queue).to_owned()).collect();
    let mut session = app.app.database.write().await.unwrap();
    data::job::sweep(&mut session, now).await.unwrap();
    let token = i64::from(std::process::id()) + app.app.ids.next(JobId).0;
    let jobs = data::job::claim_from(&mut session, &queues, limit, token, now.plus(LEASE), now).await.unwrap();
    session.commit().await.unwrap();
    jobs
}

async fn finish(app: &TestApp, jobs: &[Job]) {
    let mut session = app.app.database.write().await.unwrap();
    for job in jobs {
        assert!(data::job::finish(&mut session, &job.claim, app.app.now()).await.unwrap());
    }
    session.commit().await.unwrap();
}

fn kinds(jobs: &[Job]) -> Vec<&'static str> {
    jobs.iter().map(|job| job.work.kind()).collect()
}

/// The queue of the database.
struct Rows(TestApp);

impl Rows {
    async fn new() -> Self {
        Self(TestApp::new().await)
    }
    async fn end(self) {
        // What the suite leaves is nobody's.
        self.0.rows().execute("DELETE FROM jobs").await;
        self.0.end().await;
    }
}

impl Port for Rows {
    type Delivery = Claim;
    async fn bind(&mut self, bindings: Vec<Binding>) {
        for old in service::binding::list(&self.0.app).await.unwrap() {
            service::binding::remove(&self.0.app, &old.pattern, &old.queue).await.unwrap();
        }
        for new in bindings {
            service::binding::put(&self.0.app, &new).await.unwrap();
        }
    }
    async fn publish(&mut self, key: &str, message: i64) -> usize {
        let (app, work) = (&self.0.app, Work::CleanUp { slot: message });
        let mut session = app.database.write().await.unwrap();
        let queues = service::job::publish(app, &mut session, key, &work, app.now()).await.unwrap();
        session.commit().await.unwrap();
        queues
    }
    async fn consume(&mut self, queue: &str) -> Option<(i64, Claim)> {
        let job = claim(&self.0, &[queue], 1).await.pop()?;
        let Work::CleanUp { slot } = job.work else { panic!("{:?}", job.work) };
        Some((slot, job.claim))
    }
    async fn ack(&mut self, claim: Claim) -> bool {
        let mut session = self.0.app.database.write().await.unwrap();
        let done = data::job::finish(&mut session, &claim, self.0.app.now()).await.unwrap();
        session.commit().await.unwrap();
        done
    }
    async fn nack(&mut self, claim: Claim) {
        let (mut session, now) = (self.0.app.database.write().await.unwrap(), self.0.app.now());
        let job = data::job::find(&mut session, claim.id).await.unwrap().unwrap();
        if claim.attempt < job.attempts_max {
            data::job::retry(&mut session, &claim, now.plus(minutes(1)), "nack").await.unwrap();
        } else {
            data::job::bury(&mut session, &claim, "nack", now).await.unwrap();
        }
        session.commit().await.unwrap();
    }
    async fn dead(&mut self) -> Vec<i64> {
        let texts = self.0.rows().texts("SELECT payload FROM jobs WHERE state = 'dead'").await;
        let slot = |text: &String| serde_json::from_str::<serde_json::Value>(text).unwrap()["slot"].as_i64().unwrap();
        texts.iter().map(slot).collect()
    }
    async fn redrive(&mut self, queue: &str) -> usize {
        service::job::redrive_all(&self.0.app, Some("clean_up"), Some(queue)).await.unwrap()
    }
    async fn pass(&mut self, time: Duration) {
        self.0.advance(time);
    }
}

/// What the suite begins with.
fn both() -> Vec<Binding> {
    vec![binding("order.*", "a", None), binding("#", "b", None)]
}

/// One test for each claim and engine.
macro_rules! suite {
    ($($claim:ident),+ $(,)?) => {
        mod embedded {
            use super::{Rows, both, conformance::{self, Port}};
            $(
                #[tokio::test]
                async fn $claim() {
                    let mut port = Rows::new().await;
                    port.bind(both()).await;
                    conformance::$claim(&mut port).await;
                    port.end().await;
                }
            )+
        }
        #[cfg(feature = "rabbitmq")]
        mod at_rabbitmq {
            use super::{both, conformance::{self, Port}, rabbitmq::{Broker, SKIPPED}};
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    let Some(mut port) = Broker::new(stringify!($claim)).await else {
                        println!("{SKIPPED}");
                        return;
                    };
                    port.bind(both()).await;
                    conformance::$claim(&mut port).await;
                }
            )+
        }
    };
}

suite! {
    messages_are_routed,
    what_is_not_acknowledged_comes_again,
    a_poison_message_dies_and_delays_nobody,
    a_message_that_takes_its_consumer_with_it_dies,
    what_died_is_tried_once_more,
    patterns_fit_as_the_model_says,
    a_gray_lane_takes_its_share,
}

#[tokio::test]
async fn a_message_is_published_with_its_change_or_not_at_all() {
    let app = TestApp::new().await;
    bind(&app, "order.*", "a", None).await;
    let mut session = app.app.database.write().await.unwrap();
    let work = Work::CleanUp { slot: 1 };
    assert_eq!(service::job::publish(&app.app, &mut session, "order.paid", &work, app.app.now()).await.unwrap(), 1);
    drop(session);
    assert_eq!(app.number("SELECT COUNT(*) FROM jobs").await, 0);
    app.end().await;
}

#[tokio::test]
async fn a_worker_takes_from_its_queues_only() {
    let overrides = vec![("jobs.queues", "[\"reports\"]".to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    enqueue(&app, 0..40).await;
    bind(&app, "job.clean_up", "reports", None).await;
    enqueue(&app, 40..43).await;
    // The others stand before them, more than a claim looks at.
    assert_eq!(run_due(&app.app).await.unwrap(), 3);
    assert_eq!(app.number("SELECT COUNT(*) FROM jobs WHERE queue = 'default' AND state = 'ready'").await, 40);
    let rest = claim(&app, &[], 100).await;
    finish(&app, &rest).await;
    assert_eq!(rest.len(), 40);
    app.end().await;
}

#[tokio::test]
async fn an_urgent_job_goes_first_and_none_is_passed_over_for_ever() {
    let app = TestApp::new().await;
    enqueue(&app, 0..30).await;
    enqueue_urgent(&app).await;
    let first = claim(&app, &[], 1).await;
    assert_eq!(kinds(&first), ["forget_cached"], "though it came last");
    finish(&app, &first).await;
    // Urgent ones keep coming, one a claim: after ten minutes the others have their turn all the same.
    let mut idle = 0;
    for minute in 0..20 {
        enqueue_urgent(&app).await;
        let jobs = claim(&app, &[], 1).await;
        idle += kinds(&jobs).iter().filter(|kind| **kind == "clean_up").count();
        assert!(minute > 8 || idle == 0, "an idle one overtook in minute {minute}");
        finish(&app, &jobs).await;
        app.advance(minutes(1));
    }
    assert!(idle > 5, "{idle}");
    let rest = claim(&app, &[], 100).await;
    finish(&app, &rest).await;
    app.end().await;
}

#[tokio::test]
async fn a_paused_kind_or_queue_rests_and_holds_up_nobody() {
    let app = TestApp::new().await;
    bind(&app, "job.clean_up", "reports", None).await;
    enqueue(&app, 0..50).await;
    app.advance(minutes(30));
    for (scope, name) in [(Scope::Queue, "reports"), (Scope::Kind, "clean_up")] {
        service::throttle::pause(&app.app, scope, name, true).await.unwrap();
        enqueue_urgent(&app).await;
        assert_eq!((run_due(&app.app).await.unwrap(), run_due(&app.app).await.unwrap()), (1, 0), "{name}");
        service::throttle::pause(&app.app, scope, name, false).await.unwrap();
    }
    assert_eq!(service::throttle::list(&app.app).await.unwrap(), [], "what holds nothing back has no row");
    assert_eq!(run_due(&app.app).await.unwrap(), 50);
    app.end().await;
}

#[tokio::test]
async fn no_more_of_a_kind_run_at_a_time_than_it_may_over_all_workers() {
    let app = TestApp::crowded().await;
    service::throttle::limit(&app.app, Scope::Kind, "clean_up", Some(3), None).await.unwrap();
    enqueue(&app, 0..30).await;
    let urgent = enqueue_urgent(&app).await;
    let claims = futures_util::future::join_all((0..6).map(|_| claim(&app, &[], 4))).await.concat();
    assert_eq!(claims.iter().filter(|job| job.work.kind() == "clean_up").count(), 3);
    assert!(claims.iter().any(|job| job.claim.id == urgent), "the limit holds up nobody else");
    finish(&app, &claims[..]).await;
    let mut done = 3;
    while done < 30 {
        let jobs = claim(&app, &[], 10).await;
        assert!((1..=3).contains(&jobs.len()));
        done += jobs.len();
        finish(&app, &jobs).await;
    }
    app.end().await;
}

#[tokio::test]
async fn no_more_of_a_kind_begin_in_any_minute_than_may() {
    let app = TestApp::new().await;
    service::throttle::limit(&app.app, Scope::Kind, "clean_up", None, Some(7)).await.unwrap();
    enqueue(&app, 0..60).await;
    let mut begun: Vec<i64> = Vec::new();
    let mut seconds = 0;
    while begun.len() < 60 {
        let jobs = claim(&app, &[], 4).await;
        begun.extend(jobs.iter().map(|_| seconds));
        finish(&app, &jobs).await;
        app.advance(Duration::from_secs(5));
        seconds += 5;
        assert!(seconds < 1_000, "{} began", begun.len());
    }
    for from in &begun {
        let within = begun.iter().filter(|at| (*from..*from + 60).contains(*at)).count();
        assert!(within <= 7, "{within} in the minute from {from}");
    }
    assert!(seconds <= 9 * 60, "and no fewer than may: {seconds} s");
    app.end().await;
}

#[tokio::test]
async fn a_gray_lane_takes_its_share_of_a_kind() {
    let app = TestApp::new().await;
    bind(&app, "job.clean_up", "reports", Some(("reports-gray", 20))).await;
    enqueue(&app, 0..500).await;
    let gray = app.number("SELECT COUNT(*) FROM jobs WHERE queue = 'reports-gray'").await;
    assert!((70..=130).contains(&gray), "{gray} of 500");
    let taken = claim(&app, &["reports-gray"], 500).await;
    assert_eq!(i64::try_from(taken.len()).unwrap(), gray);
    finish(&app, &taken).await;
    let rest = claim(&app, &["reports"], 500).await;
    finish(&app, &rest).await;
    assert_eq!((taken.len() + rest.len(), claim(&app, &[], 9).await.len()), (500, 0));
    app.end().await;
}

#[tokio::test]
async fn a_claim_costs_the_same_however_much_is_held_back() {
    // It reads a clock, so it is for a quiet machine.
    if !full() {
        return;
    }
    let app = TestApp::new().await;
    service::throttle::pause(&app.app, Scope::Kind, "clean_up", true).await.unwrap();
    let timed = async || {
        let mut best = Duration::MAX;
        for _ in 0..20 {
            let began = Instant::now();
            assert_eq!(claim(&app, &[], 4).await.len(), 0);
            best = best.min(began.elapsed());
        }
        best
    };
    enqueue(&app, 0..100).await;
    let few = timed().await;
    enqueue(&app, 100..100_000).await;
    let many = timed().await;
    println!("an empty claim: {few:?} with 100 jobs held back, {many:?} with more");
    assert!(many < few * 4 + Duration::from_millis(2), "{few:?} became {many:?}");
    app.rows().execute("DELETE FROM jobs").await;
    app.end().await;
}

#[tokio::test]
async fn a_job_is_tried_at_once_when_somebody_says_so() {
    let app = TestApp::new().await;
    let mut session = app.app.database.write().await.unwrap();
    let later = app.app.now().plus(minutes(60));
    assert!(service::job::enqueue(&app.app, &mut session, &Work::CleanUp { slot: 1 }, later).await.unwrap());
    session.commit().await.unwrap();
    let id = JobId(app.number("SELECT id FROM jobs").await);
    assert_eq!(app.run_jobs().await, 0);
    assert_eq!(service::job::retry(&app.app, id).await.unwrap().state, JobState::Ready);
    assert_eq!(app.run_jobs().await, 1);
    service::job::retry(&app.app, id).await.expect_err("it is done");
    service::job::retry(&app.app, JobId(42)).await.expect_err("there is none");
    app.end().await;
}

#[tokio::test]
async fn bindings_and_limits_that_mean_nothing_are_refused() {
    let app = TestApp::new().await;
    for wrong in [
        binding("a..b", "q", None),
        binding("a", "Q", None),
        binding("a", "q", Some(("q-gray", 101))),
        Binding { gray_percent: 5, ..binding("a", "q", None) },
    ] {
        service::binding::put(&app.app, &wrong).await.expect_err("wrong");
    }
    service::binding::remove(&app.app, "a", "q").await.expect_err("there is none");
    for (scope, running, minute) in [(Scope::Kind, Some(0), None), (Scope::Queue, None, Some(5))] {
        service::throttle::limit(&app.app, scope, "x", running, minute).await.expect_err("wrong");
    }
    let right = binding("job.*", "q", Some(("q-gray", 5)));
    service::binding::put(&app.app, &right).await.unwrap();
    assert_eq!(service::binding::list(&app.app).await.unwrap(), [right]);
    service::binding::remove(&app.app, "job.*", "q").await.unwrap();
    app.end().await;
}
