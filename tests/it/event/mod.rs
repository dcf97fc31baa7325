//! Claims about the log of events: what was acknowledged is in it once, whatever is killed; its places are dense; nothing in
//! it names a person; the oldest goes when all have read it.

mod facts;
mod kill;
mod retain;
mod take;

use crate::support::client::{Client, Request};
use serde_json::{Value, json};
use weizhan::{
    data::{self, Database},
    model::{
        event::{Logged, PARTITIONS},
        time::Timestamp,
    },
};

/// A report of page views with these ids.
fn report(source: &str, now: Timestamp, ids: impl IntoIterator<Item = String>) -> Value {
    let event = |id| json!({ "id": id, "kind": "page_view", "occurred_ms": now.0, "page": "pages/index" });
    json!({ "source": source, "sent_ms": now.0, "events": ids.into_iter().map(event).collect::<Vec<_>>() })
}

/// Ids that nobody else has.
fn ids(name: &str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |number| format!("{name}-{number:06}"))
}

fn tell(client: &Client, report: &Value) -> Request {
    client.post("/v1/events").json(report)
}

/// The whole log, a partition after the other.
async fn log(database: &Database) -> Vec<Logged> {
    let (mut session, mut all) = (database.read().await.unwrap(), Vec::new());
    for partition in 0..PARTITIONS {
        all.extend(data::event::read(&mut session, partition, 0, 1_000_000).await.unwrap());
    }
    all
}
