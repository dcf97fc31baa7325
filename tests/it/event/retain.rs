//! Claimed: the oldest events go when their time is over and every consumer is done with them, and nothing else does; a
//! consumer is sent back to any place that is still there, and to no other.

use super::{ids, log, report, tell};
use crate::support::app::{START, TestApp};
use serde_json::json;
use weizhan::{
    data,
    model::{
        event::EventRefusal,
        id::JobId,
        job::Work,
        time::{Clock, days, minutes},
    },
    service::{self, Error},
};

/// Run the hourly job.
async fn trim(app: &TestApp) {
    let (work, now) = (Work::TrimEvents { slot: app.clock.now().0 }, app.clock.now());
    let mut session = app.app.database.write().await.unwrap();
    assert!(data::job::enqueue(&mut session, app.app.ids.next(JobId), &work, now, None, now).await.unwrap());
    session.commit().await.unwrap();
    assert_eq!(app.run_jobs().await, 1);
}

/// The partition of all events, and their places.
async fn places(app: &TestApp) -> (i64, Vec<i64>) {
    let all = log(&app.app.database).await;
    (all[0].partition_no, all.iter().map(|logged| logged.position).collect())
}

async fn read_to(app: &TestApp, consumer: &str, partition: i64, from: i64, to: i64) {
    let mut session = app.app.database.write().await.unwrap();
    assert_eq!(data::event::hold(&mut session, consumer, partition, START).await.unwrap(), from);
    assert!(data::event::move_on(&mut session, consumer, partition, (from, to), START).await.unwrap());
    session.commit().await.unwrap();
}

#[tokio::test]
async fn only_what_is_old_and_read_by_all_goes() {
    let app = TestApp::new().await;
    for name in ["old", "new"] {
        for body in 0..7 {
            let now = app.clock.now();
            let body = report("installation-1", now, ids(&format!("{name}-{body}-event"), 100));
            tell(&app.nobody(), &body).send().await.expect(200);
        }
        app.advance(days(100));
    }
    let (partition, all) = places(&app).await;
    assert_eq!(all, (1..=1400).collect::<Vec<_>>());
    read_to(&app, "figures", partition, 0, 1_300).await;
    read_to(&app, "export", partition, 0, 40).await;
    trim(&app).await;
    assert_eq!(places(&app).await.1, (41..=1400).collect::<Vec<_>>(), "not what somebody has not read");
    read_to(&app, "export", partition, 40, 1_400).await;
    trim(&app).await;
    assert_eq!(places(&app).await.1, (701..=1400).collect::<Vec<_>>(), "not what is young");
    read_to(&app, "elsewhere", (partition + 1) % 4, 0, 0).await;
    app.advance(days(100));
    trim(&app).await;
    assert_eq!(places(&app).await.1.len(), 700, "a consumer that has not begun here has read nothing here");
    read_to(&app, "elsewhere", partition, 0, 1_400).await;
    trim(&app).await;
    assert_eq!(places_left(&app).await, 100, "figures has read so far");
    // New events go on where the log ended.
    tell(&app.nobody(), &report("installation-1", app.clock.now(), ids("later-event", 1))).send().await.expect(200);
    assert_eq!(places(&app).await.1.last(), Some(&1401));
    app.end().await;
}

async fn places_left(app: &TestApp) -> usize {
    log(&app.app.database).await.len()
}

#[tokio::test]
async fn a_consumer_goes_back_to_what_is_still_there() {
    let app = TestApp::new().await;
    tell(&app.nobody(), &report("installation-1", START, ids("one-event", 50))).send().await.expect(200);
    let (partition, _) = places(&app).await;
    read_to(&app, "figures", partition, 0, 20).await;
    app.advance(days(200));
    trim(&app).await;
    let rewind = async |consumer: &str, partition, position| {
        let moved = service::event::rewind(&app.app, consumer, partition, position).await;
        match moved {
            Ok(()) => None,
            Err(Error::Refused(reason)) => Some(reason),
            Err(Error::Fault(fault)) => panic!("{fault}"),
        }
    };
    assert_eq!(rewind("figures", partition, 20).await, None);
    assert_eq!(rewind("figures", partition, 50).await, None);
    for place in [19, 51, -1, 0] {
        let missing = EventRefusal::PlaceMissing { first: 21, last: 50 };
        assert_eq!(rewind("figures", partition, place).await, Some(missing), "{place}");
    }
    assert_eq!(rewind("nobody", partition, 30).await, Some(EventRefusal::ConsumerMissing));
    assert_eq!(rewind("figures", partition, 30).await, None);
    let lags = service::event::lags(&app.app).await.unwrap();
    assert_eq!((lags.len(), lags[0].position, lags[0].last), (1, 30, 50));
    app.end().await;
}

#[tokio::test]
async fn the_figures_say_how_much_came_and_who_is_behind() {
    let app = TestApp::new().await;
    let body = report("installation-1", START, ids("one-event", 5).chain(ids("one-event", 2)));
    assert_eq!(tell(&app.nobody(), &body).send().await.expect(200), json!({ "accepted": 5, "known": 2 }));
    let (partition, _) = places(&app).await;
    read_to(&app, "figures", partition, 0, 2).await;
    app.buyer("ann").await;
    app.advance(minutes(1));
    let text = service::metric::text(&app.app).await;
    for line in [
        "weizhan_events_total{end=\"accepted\"} 5",
        "weizhan_events_total{end=\"known\"} 2",
        "weizhan_events_total{end=\"refused\"} 0",
        "weizhan_event_writes_total 1",
        "weizhan_events_waiting 0",
        "weizhan_event_facts_waiting 1",
        "weizhan_event_lag{consumer=\"figures\"} 3",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    app.end().await;
}
