//! The figures once more, slowly and by other means: from the list of all events, with sets, for each window by itself.

use crate::support::app::TestApp;
use std::collections::{BTreeMap, BTreeSet};
use weizhan::model::{
    event::{Event, EventKind},
    time::Timestamp,
};

/// `grain/scope/key/metric/start` with how often and how much.
pub type Lines = BTreeMap<String, (i64, i64)>;

fn starts(at: Timestamp) -> [(&'static str, String); 3] {
    // By the calendar and not by division.
    let text = at.rfc3339();
    [
        ("minute", format!("{}:00+08:00", &text[..16])),
        ("hour", format!("{}:00:00+08:00", &text[..13])),
        ("day", day(at)),
    ]
}

fn day(at: Timestamp) -> String {
    format!("{}T00:00:00+08:00", &at.rfc3339()[..10])
}

fn places(event: &Event) -> Vec<(&'static str, String)> {
    let product = event.product_id.map(|id| id.0.to_string()).unwrap_or_default();
    let all = [("page", event.page.clone()), ("product", product), ("channel", event.channel.clone())];
    let mut places = vec![("shop", String::new())];
    places.extend(all.into_iter().filter(|(_, key)| !key.is_empty()));
    places
}

/// The figures of these events, each of which counts once.
pub fn recount(events: &[Event]) -> Lines {
    let mut distinct: BTreeMap<&str, &Event> = BTreeMap::new();
    for event in events {
        distinct.entry(&event.event_id).or_insert(event);
    }
    let mut lines = Lines::new();
    let mut people: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut days_of: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for event in distinct.values() {
        for (scope, key) in places(event) {
            for (grain, start) in starts(event.occurred_ms) {
                let line = lines.entry(format!("{grain}/{scope}/{key}/{}/{start}", event.kind)).or_default();
                line.0 += 1;
                line.1 += event.amount_fen.0;
            }
            if ![EventKind::OrderPaid, EventKind::Refunded].contains(&event.kind) {
                let line = format!("day/{scope}/{key}/visitors/{}", day(event.occurred_ms));
                people.entry(line).or_default().insert(&event.visitor);
            }
        }
        let mut see = |metric: &str| {
            people.entry(format!("day/shop//{metric}/{}", day(event.occurred_ms))).or_default().insert(&event.visitor);
        };
        match event.kind {
            EventKind::ProductView => see("viewers"),
            EventKind::CartAdd => see("carters"),
            EventKind::OrderPlaced => see("buyers"),
            EventKind::OrderPaid => see("payers"),
            _ => {}
        }
        if event.kind != EventKind::OrderPaid && event.kind != EventKind::Refunded {
            if event.visitor.starts_with('u') {
                see("active_users");
            }
            days_of.entry(&event.visitor).or_default().insert(day(event.occurred_ms));
        }
    }
    lines.extend(people.into_iter().map(|(line, people)| (line, (i64::try_from(people.len()).expect("few"), 0))));
    for days in days_of.values() {
        let first = days.first().expect("a day");
        lines.entry(format!("day/shop//new_visitors/{first}")).or_default().0 += 1;
    }
    lines
}

/// The streamed figures of the rows; a zero is nothing.
pub async fn stored(app: &TestApp) -> Lines {
    let database = &app.app.database;
    let mut lines = Lines::new();
    let mut session = database.read().await.expect("read");
    for grain in weizhan::model::figure::Grain::ALL {
        let all = (Timestamp(0), Timestamp(i64::MAX));
        let sums = weizhan::data::figure::list(&mut session, *grain, all).await.expect("figures");
        for (window, sum) in sums {
            if window.metric.is_streamed() && sum.total != 0 {
                let (scope, key, metric) = (window.scope, &window.scope_key, window.metric);
                let line = format!("{grain}/{scope}/{key}/{metric}/{}", window.start_ms.rfc3339());
                lines.insert(line, (sum.total, sum.amount_fen.0));
            }
        }
    }
    lines
}

/// Nothing but what differs, so that a failure can be read.
pub fn differing(left: &Lines, right: &Lines) -> Vec<String> {
    let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let differs = keys.into_iter().filter(|key| left.get(*key) != right.get(*key));
    differs.map(|key| format!("{key}: {:?} is not {:?}", left.get(key), right.get(key))).take(10).collect()
}
