//! The log of events, its consumers and the facts that wait for it.

use super::{LARGE, LATER, MOST, TEXT, read, write};
use crate::support::app::{START, TestApp};
use weizhan::{
    data,
    model::{
        event::{Event, EventKind, Lag, Logged},
        id::{ProductId, UserId},
        money::Fen,
    },
};

fn event(id: &str, product: Option<i64>) -> Event {
    Event {
        event_id: id.to_owned(),
        source: "an-installation".to_owned(),
        visitor: "san-installation".to_owned(),
        kind: EventKind::Custom,
        occurred_ms: START,
        received_ms: LATER,
        page: TEXT.to_owned(),
        channel: TEXT.to_owned(),
        product_id: product.map(ProductId),
        amount_fen: Fen(MOST),
        name: TEXT.to_owned(),
        detail: TEXT.to_owned(),
    }
}

#[tokio::test]
async fn events_come_back_at_their_places() {
    let app = TestApp::new().await;
    let (one, two) = (event("one", Some(LARGE)), event("two", None));
    let partition = one.partition();
    let mut rows = write(&app).await;
    assert_eq!(data::event::append(&mut rows, &[one.clone(), one.clone()]).await.unwrap(), 1);
    assert_eq!(data::event::append_each(&mut rows, &[&two, &one, &two]).await.unwrap(), [true, false, false]);
    let logged = |position, event: &Event| Logged { partition_no: partition, position, event: event.clone() };
    let found = data::event::read(&mut rows, partition, 0, 9).await.unwrap();
    assert_eq!(found, [logged(1, &one), logged(2, &two)]);
    assert_eq!(data::event::ends(&mut rows, partition).await.unwrap(), (1, 2));
    assert_eq!(data::event::ends(&mut rows, (partition + 1) % 4).await.unwrap(), (1, 0));
    assert_eq!(data::event::hold(&mut rows, "figures", partition, START).await.unwrap(), 0);
    assert!(data::event::move_on(&mut rows, "figures", partition, (0, 2), LATER).await.unwrap());
    assert!(!data::event::move_on(&mut rows, "figures", partition, (0, 1), LATER).await.unwrap());
    assert!(data::event::rewind(&mut rows, "figures", partition, 1, LATER).await.unwrap());
    assert!(!data::event::rewind(&mut rows, "nobody", partition, 1, LATER).await.unwrap());
    assert_eq!(data::event::position(&mut rows, "figures", partition).await.unwrap(), 1);
    let lag = Lag { consumer: "figures".into(), partition_no: partition, position: 1, last: 2 };
    assert_eq!(data::event::lags(&mut rows).await.unwrap(), [lag]);
    rows.commit().await.unwrap();
    app.end().await;
}

#[tokio::test]
async fn facts_come_back_in_the_log() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let fact = Event::fact(EventKind::Refunded, LARGE, UserId(LARGE), Fen(MOST), START);
    data::event::note(&mut rows, std::slice::from_ref(&fact)).await.unwrap();
    assert!(data::event::is_any_waiting(&mut rows).await.unwrap());
    assert_eq!(data::event::count_waiting(&mut rows).await.unwrap(), 1);
    assert_eq!(data::event::move_facts(&mut rows, 9).await.unwrap(), 1);
    assert!(!data::event::is_any_waiting(&mut rows).await.unwrap());
    rows.commit().await.unwrap();
    let found = data::event::read(&mut read(&app).await, fact.partition(), 0, 9).await.unwrap();
    assert_eq!(found.into_iter().map(|logged| logged.event).collect::<Vec<_>>(), [fact]);
    app.end().await;
}
