//! The log, its consumers, and facts that wait.

use super::{LARGE, LATER, MOST, TEXT, read, write};
use crate::support::app::{START, TestApp};
use weizhan::{
    data::{self, Session},
    model::{
        event::{Event, EventKind, Lag, PARTITIONS},
        id::ProductId,
        money::Fen,
        time::Timestamp,
    },
};

fn event(id: &str, source: &str) -> Event {
    Event {
        event_id: id.into(),
        source: source.into(),
        visitor: format!("s{source}"),
        kind: EventKind::PageView,
        occurred_ms: START,
        received_ms: LATER,
        page: String::new(),
        channel: String::new(),
        product_id: None,
        amount_fen: Fen::default(),
        name: String::new(),
        detail: String::new(),
    }
}

/// One that fills every column.
fn whole(id: &str, source: &str) -> Event {
    Event {
        kind: EventKind::OrderPaid,
        occurred_ms: Timestamp(0),
        page: "pages/商品".into(),
        channel: "1089".into(),
        product_id: Some(ProductId(LARGE)),
        amount_fen: Fen(MOST),
        name: TEXT.into(),
        detail: "{\"颜色\":\"沙\"}".into(),
        ..event(id, source)
    }
}

async fn places(session: &mut Session, partition: i64) -> Vec<(i64, Event)> {
    let all = data::event::read(session, partition, 0, 100).await.unwrap();
    assert!(all.iter().all(|logged| logged.partition_no == partition));
    all.into_iter().map(|logged| (logged.position, logged.event)).collect()
}

#[tokio::test]
async fn events_come_back_at_dense_places_and_once_each() {
    let app = TestApp::new().await;
    let (one, other) = (whole("a", "phone-1"), event("b", "phone-1"));
    let part = one.partition();
    let mut rows = write(&app).await;
    assert_eq!(data::event::append(&mut rows, &[]).await.unwrap(), 0);
    assert_eq!(data::event::append(&mut rows, &[one.clone(), other.clone(), one.clone()]).await.unwrap(), 2);
    rows.commit().await.unwrap();
    let mut undone = write(&app).await;
    assert_eq!(data::event::append(&mut undone, &[event("lost", "phone-1")]).await.unwrap(), 1);
    drop(undone);
    let mut rows = write(&app).await;
    let more = [event("A", "phone-1"), other.clone(), event("c", "phone-1")];
    assert_eq!(data::event::append(&mut rows, &more).await.unwrap(), 2, "case tells ids apart");
    rows.commit().await.unwrap();
    let expected = [(1, one), (2, other), (3, more[0].clone()), (4, more[2].clone())];
    assert_eq!(places(&mut read(&app).await, part).await, expected);
    let behind = data::event::read(&mut read(&app).await, part, 2, 1).await.unwrap();
    assert_eq!(behind.iter().map(|logged| logged.position).collect::<Vec<_>>(), [3]);
    app.end().await;
}

#[tokio::test]
async fn a_consumer_moves_on_from_where_it_is_and_facts_find_their_place() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let facts: Vec<_> =
        (0..40).map(|number| whole(&format!("order_paid:{number}"), &format!("server{number}"))).collect();
    data::event::note(&mut rows, &facts).await.unwrap();
    assert_eq!(data::event::count_waiting(&mut rows).await.unwrap(), 40);
    assert_eq!(data::event::move_facts(&mut rows, 30).await.unwrap(), 30);
    assert_eq!(data::event::move_facts(&mut rows, 30).await.unwrap(), 10);
    assert_eq!(data::event::move_facts(&mut rows, 30).await.unwrap(), 0);
    assert_eq!(data::event::count_waiting(&mut rows).await.unwrap(), 0);
    let mut logged = Vec::new();
    for partition in 0..PARTITIONS {
        let all = places(&mut rows, partition).await;
        assert!(!all.is_empty() && (1..).zip(&all).all(|(place, (position, _))| place == *position), "{partition}");
        logged.extend(all.into_iter().map(|(_, event)| event));
    }
    let sorted = |mut events: Vec<Event>| {
        events.sort_by(|one, other| one.event_id.cmp(&other.event_id));
        events
    };
    assert_eq!(sorted(logged), sorted(facts));
    assert_eq!(data::event::position(&mut rows, "figures", 0).await.unwrap(), 0);
    assert_eq!(data::event::hold(&mut rows, "figures", 0, START).await.unwrap(), 0);
    assert!(data::event::move_on(&mut rows, "figures", 0, (0, 1), START).await.unwrap());
    assert!(!data::event::move_on(&mut rows, "figures", 0, (0, 2), START).await.unwrap(), "it is at 1");
    assert_eq!(data::event::hold(&mut rows, "figures", 0, LATER).await.unwrap(), 1);
    let lags = data::event::lags(&mut rows).await.unwrap();
    let last = i64::try_from(places(&mut rows, 0).await.len()).unwrap();
    assert_eq!(lags, [Lag { consumer: "figures".into(), partition_no: 0, position: 1, last }]);
    rows.commit().await.unwrap();
    app.end().await;
}

#[tokio::test]
async fn each_event_says_whether_it_was_new_and_a_consumer_goes_back() {
    let app = TestApp::new().await;
    let (one, two) = (event("one", "phone-1"), event("two", "phone-1"));
    let part = one.partition();
    let mut rows = write(&app).await;
    assert!(!data::event::is_any_waiting(&mut rows).await.unwrap());
    assert_eq!(data::event::ends(&mut rows, part).await.unwrap(), (1, 0));
    assert_eq!(data::event::append_unseen(&mut rows, &[&one, &one]).await.unwrap(), [true, false]);
    rows.commit().await.unwrap();
    let again = data::event::append_unseen(&mut write(&app).await, &[&two, &one]).await;
    assert!(matches!(again, Err(data::Error::Conflict { .. })), "{again:?}");
    let mut rows = write(&app).await;
    assert_eq!(data::event::append_each(&mut rows, &[&two, &one, &two]).await.unwrap(), [true, false, false]);
    assert_eq!(data::event::ends(&mut rows, part).await.unwrap(), (1, 2));
    assert_eq!(data::event::hold(&mut rows, "figures", part, START).await.unwrap(), 0);
    assert!(data::event::move_on(&mut rows, "figures", part, (0, 2), LATER).await.unwrap());
    assert!(data::event::rewind(&mut rows, "figures", part, 1, LATER).await.unwrap());
    assert!(!data::event::rewind(&mut rows, "nobody", part, 1, LATER).await.unwrap());
    assert_eq!(data::event::trim(&mut rows, part, Timestamp(MOST), 9).await.unwrap(), 1);
    assert_eq!(data::event::ends(&mut rows, part).await.unwrap(), (2, 2));
    rows.commit().await.unwrap();
    app.end().await;
}
