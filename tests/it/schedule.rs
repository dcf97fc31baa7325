//! What recurs is enqueued once a period, and one node leads at a time. Shown with two nodes on one database, whose clocks
//! move together.

use crate::support::app::{Setup, TestApp};
use std::time::Duration;
use weizhan::{
    compute::{lease::Lease, schedule},
    data,
    model::time::minutes,
};

/// A second node on the database of the first.
async fn second_node(first: &TestApp) -> TestApp {
    let database_url = Some(first.app.config.database.url.expose().to_owned());
    let overrides = vec![("node.id", "1".to_owned())];
    TestApp::with(Setup { overrides, database_url, ..Setup::default() }).await
}

#[tokio::test]
async fn two_nodes_enqueue_what_recurs_once_a_period() {
    let one = TestApp::new().await;
    let other = second_node(&one).await;
    let mut leases = [Lease::new(&one.app, "schedule"), Lease::new(&other.app, "schedule")];
    let mut jobs = 0;
    for turn in 0_i64..26 {
        for (app, lease) in [&one, &other].into_iter().zip(&mut leases) {
            schedule::turn(&app.app, lease).await.unwrap();
            // Even if both believed that they lead.
            schedule::turn(&app.app, &mut Lease::new(&app.app, if turn % 2 == 0 { "a" } else { "b" })).await.unwrap();
        }
        // START is the beginning of an hour.
        let hours = turn * 6 / 60 + 1;
        assert_eq!(one.number("SELECT COUNT(*) FROM jobs WHERE kind = 'clean_up'").await, hours, "turn {turn}");
        jobs += one.run_jobs().await + other.run_jobs().await;
        one.advance(minutes(6));
        other.advance(minutes(6));
    }
    // Three hours, and one day of bills.
    assert_eq!(jobs, 4);
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
    assert!(first.hold(&one.app).await.unwrap() && !second.hold(&other.app).await.unwrap());
    for _ in 0..3 {
        both(seconds(5));
        assert!(first.hold(&one.app).await.unwrap() && !second.hold(&other.app).await.unwrap());
    }
    assert_eq!((first.epoch(), second.epoch()), (Some(1), None), "renewing is no takeover");
    let now = one.app.now();
    let mut session = one.app.database.write().await.unwrap();
    let taken = data::lease::take(&mut session, "x", "thief", 1, now.plus(minutes(1)), now).await.unwrap();
    assert!(!taken, "the rows do not let it happen either");
    drop(session);
    both(seconds(15));
    assert!(!second.hold(&other.app).await.unwrap(), "to the last millisecond");
    both(Duration::from_millis(1));
    assert!(second.hold(&other.app).await.unwrap());
    assert!(!first.hold(&one.app).await.unwrap(), "who slept has lost it");
    assert_eq!((first.epoch(), second.epoch()), (None, Some(2)));
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
    assert!(!reborn.hold(&other.app).await.unwrap());
    both(seconds(1));
    assert!(reborn.hold(&other.app).await.unwrap() && reborn.epoch() == Some(3));
    other.end().await;
    one.end().await;
}
