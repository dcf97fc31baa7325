//! What recurs is enqueued once a period, and one node leads at a time. Shown with two nodes on one database, whose clocks
//! move together.

use crate::support::app::{Setup, TestApp};
use std::time::Duration;
use weizhan::{
    compute::{lease::Lease, schedule},
    data,
    model::{id::JobId, job::Work, time::minutes},
    service::Fault,
};

/// Whether a node leads after it has tried.
trait Leads {
    async fn leads(&mut self, node: &TestApp) -> bool;
}

impl Leads for Lease {
    async fn leads(&mut self, node: &TestApp) -> bool {
        self.hold(&node.app).await.unwrap().is_some()
    }
}

/// A second node on the database of the first.
async fn second_node(first: &TestApp) -> TestApp {
    let database_url = Some(first.app.config.database.url.expose().to_owned());
    let overrides = vec![("node.id", "1".to_owned()), ("figures.import_visits", "false".to_owned())];
    TestApp::with(Setup { overrides, database_url, ..Setup::default() }).await
}

#[tokio::test]
async fn two_nodes_enqueue_what_recurs_once_a_period() {
    // WeChat's figures are asked for again while there are none.
    let overrides = vec![("figures.import_visits", "false".to_owned())];
    let one = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let other = second_node(&one).await;
    let mut leases = [Lease::new(&one.app, "schedule"), Lease::new(&other.app, "schedule")];
    let mut jobs = 0;
    for turn in 0_i64..26 {
        for (app, lease) in [&one, &other].into_iter().zip(&mut leases) {
            schedule::turn(&app.app, lease).await.unwrap();
            // Even if both led, as of two leases.
            schedule::turn(&app.app, &mut Lease::new(&app.app, if turn % 2 == 0 { "a" } else { "b" })).await.unwrap();
        }
        // START is the beginning of an hour.
        let hours = turn * 6 / 60 + 1;
        assert_eq!(one.number("SELECT COUNT(*) FROM jobs WHERE kind = 'clean_up'").await, hours, "turn {turn}");
        jobs += one.run_jobs().await + other.run_jobs().await;
        one.advance(minutes(6));
        other.advance(minutes(6));
    }
    // Three hours, one day of bills; and the log at twenty past each hour, the last one before the start, too.
    for (kind, count) in
        [("clean_up", 3), ("reconcile_bills", 1), ("trim_events", 4), ("roll_up_day", 1), ("import_visits", 1)]
    {
        assert_eq!(one.number(&format!("SELECT COUNT(*) FROM jobs WHERE kind = '{kind}'")).await, count, "{kind}");
    }
    let done = one.number("SELECT COUNT(*) FROM jobs WHERE state = 'done'").await;
    assert_eq!(i64::try_from(jobs), Ok(done), "each is run once");
    other.end().await;
    one.end().await;
}

#[tokio::test]
async fn a_lease_is_taken_over_only_after_its_end_and_the_epoch_grows() {
    let one = TestApp::new().await;
    let other = second_node(&one).await;
    let both = |while_: Duration| {
        one.advance(while_);
        other.advance(while_);
    };
    let seconds = Duration::from_secs;
    let (mut first, mut second) = (Lease::new(&one.app, "x"), Lease::new(&other.app, "x"));
    assert!(first.leads(&one).await && !second.leads(&other).await);
    for _ in 0..3 {
        both(seconds(5));
        assert!(first.leads(&one).await && !second.leads(&other).await);
    }
    assert_eq!((first.epoch(&one.app), second.epoch(&other.app)), (Some(1), None), "renewing is no takeover");
    let now = one.app.now();
    let mut session = one.app.database.write().await.unwrap();
    let taken = data::lease::take(&mut session, "x", "thief", 1, now.plus(minutes(1)), now).await.unwrap();
    assert!(!taken, "the rows do not let it happen either");
    drop(session);
    both(seconds(15));
    assert!(!second.leads(&other).await, "to the last millisecond");
    both(Duration::from_millis(1));
    assert!(second.leads(&other).await);
    assert!(!first.leads(&one).await, "who slept has lost it");
    assert_eq!((first.epoch(&one.app), second.epoch(&other.app)), (None, Some(2)));
    let now = one.app.now();
    let mut session = one.app.database.write().await.unwrap();
    let stored = data::lease::find(&mut session, "x").await.unwrap().unwrap();
    assert!(
        !data::lease::renew(&mut session, "x", &stored.holder, 1, now.plus(minutes(1)), now).await.unwrap(),
        "a stale epoch"
    );
    drop(session);
    // A holder that starts anew is another one.
    both(seconds(15));
    let mut reborn = Lease::new(&other.app, "x");
    assert!(!reborn.leads(&other).await);
    both(seconds(1));
    assert!(reborn.leads(&other).await && reborn.epoch(&other.app) == Some(3));
    // Given up in order, it is free at once, and every term is on record.
    reborn.resign(&other.app).await.unwrap();
    one.advance(Duration::from_millis(1));
    assert!(first.leads(&one).await && first.epoch(&one.app) == Some(4));
    let mut session = one.app.database.read().await.unwrap();
    let terms = data::lease::list(&mut session, "x", 9).await.unwrap();
    let epochs: Vec<_> = terms.iter().map(|term| (term.epoch, term.holder == one.app.nodes.holder())).collect();
    assert_eq!(epochs, [(4, true), (3, false), (2, false), (1, true)]);
    drop(session);
    other.end().await;
    one.end().await;
}

#[tokio::test]
async fn a_write_of_a_leader_that_was_replaced_is_refused_and_only_the_guard_does_that() {
    let one = TestApp::new().await;
    let other = second_node(&one).await;
    let (mut first, mut second) = (Lease::new(&one.app, "x"), Lease::new(&other.app, "x"));
    assert!(first.leads(&one).await);
    // The other clock runs: to the first, which is frozen, nothing has happened.
    other.advance(minutes(1));
    assert!(second.leads(&other).await);
    assert_eq!((first.epoch(&one.app), second.epoch(&other.app)), (Some(1), Some(2)), "both believe that they lead");
    let write = async |guarded: bool| {
        let mut session = one.app.database.write().await.unwrap();
        if guarded {
            first.guard(&one.app, &mut session).await?;
        }
        let work = Work::CleanUp { slot: i64::from(guarded) };
        let id = one.app.ids.next(JobId);
        data::job::enqueue(&mut session, id, &work, one.app.now().plus(minutes(60)), None, one.app.now()).await?;
        session.commit().await?;
        Ok::<_, Fault>(())
    };
    let stale = write(true).await.unwrap_err();
    assert!(stale.chain().contains("another leads"), "{}", stale.chain());
    assert_eq!(one.number("SELECT COUNT(*) FROM jobs").await, 0);
    write(false).await.unwrap();
    assert_eq!(one.number("SELECT COUNT(*) FROM jobs").await, 1, "nothing else would have stopped it");
    let mut session = other.app.database.write().await.unwrap();
    second.guard(&other.app, &mut session).await.unwrap();
    drop(session);
    // Time the first one notices by itself.
    one.advance(Duration::from_secs(13));
    let mut session = one.app.database.write().await.unwrap();
    let over = first.guard(&one.app, &mut session).await.unwrap_err();
    assert!(over.chain().contains("is over"), "{}", over.chain());
    drop(session);
    other.end().await;
    one.end().await;
}
