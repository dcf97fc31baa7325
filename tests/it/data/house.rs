//! The audit, replies of keys, leases, jobs.

use super::{LARGE, LATER, MOST, TEXT, write};
use crate::support::app::{START, TestApp};
use serde_json::json;
use weizhan::{
    data::{self, audit::AuditRow, lease::Lease},
    model::{
        id::{JobId, PrepayId, PushId, StaffId},
        idempotency::StoredReply,
        job::{JobState, Work},
        push::Push,
    },
};

#[tokio::test]
async fn what_the_house_keeps_for_itself_comes_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let row = AuditRow {
        seq: MOST,
        at_ms: START,
        staff_id: StaffId(LARGE),
        ip: "2001:db8::1".into(),
        action: "order.ship".into(),
        target: "order:1".into(),
        detail: json!({ "text": TEXT }).to_string(),
        request_id: "r".into(),
        prev_hash: "0".repeat(64),
        hash: "f".repeat(64),
    };
    assert_eq!(data::audit::step(&mut rows).await.unwrap(), (1, "0".repeat(64)));
    data::audit::insert(&mut rows, &row).await.unwrap();
    assert_eq!(data::audit::head(&mut rows).await.unwrap(), (1, row.hash.clone()));
    assert_eq!(data::audit::list(&mut rows, 0, 9).await.unwrap(), std::slice::from_ref(&row));
    assert_eq!(data::audit::list_of(&mut rows, "order:1", 9).await.unwrap(), [row]);
    let reply = StoredReply { request_hash: "h".into(), reply: json!([TEXT]).to_string() };
    for new in [true, false] {
        assert_eq!(data::idempotency::insert(&mut rows, "scope", "key", &reply, START).await.unwrap(), new);
    }
    assert_eq!(data::idempotency::find(&mut rows, "scope", "key").await.unwrap(), Some(reply));
    assert_eq!(data::idempotency::find(&mut rows, "Scope", "key").await.unwrap(), None);
    for new in [true, false] {
        assert_eq!(data::lease::insert(&mut rows, "leader", "node-1", LATER).await.unwrap(), new);
    }
    let lease = Lease { holder: "node-1".into(), epoch: 1, expires_ms: LATER };
    assert_eq!(data::lease::find(&mut rows, "leader").await.unwrap(), Some(lease));
    let work = Work::QueryPayment { prepay: PrepayId(LARGE), step: 6 };
    for (id, key, new) in [(1, Some("k"), true), (2, Some("k"), false), (3, None, true), (4, None, true)] {
        assert_eq!(data::job::enqueue(&mut rows, JobId(id), &work, START, key, START).await.unwrap(), new, "{id}");
    }
    assert_eq!(data::job::next_due(&mut rows).await.unwrap(), Some(START));
    let claimed = data::job::claim(&mut rows, 2, MOST, LATER, START).await.unwrap();
    let found: Vec<_> = claimed.iter().map(|job| (job.claim.id.0, job.claim.attempt, job.claim.lease_token)).collect();
    assert_eq!(found, [(1, 1, MOST), (3, 1, MOST)]);
    assert!(claimed.iter().all(|job| job.work == work && job.run_ms == START && job.attempts_max == 60));
    assert!(data::job::bury(&mut rows, &claimed[0].claim, TEXT, LATER).await.unwrap());
    assert_eq!(data::job::count(&mut rows, JobState::Dead).await.unwrap(), 1);
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn counts_of_changes_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    assert_eq!(data::cache::list(&mut rows).await.unwrap(), []);
    for namespace in ["product", "categories", "product"] {
        data::cache::step(&mut rows, namespace).await.unwrap();
    }
    let counts = [("categories".to_owned(), 1), ("product".to_owned(), 2)];
    assert_eq!(data::cache::list(&mut rows).await.unwrap(), counts);
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn messages_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let row = Push {
        id: PushId(LARGE),
        appid: "wx".into(),
        dedupe_key: "f".repeat(64),
        event: "e".into(),
        content: json!({ "text": TEXT }).to_string(),
        outcome: None,
        received_ms: START,
    };
    assert!(data::push::insert(&mut rows, &row).await.unwrap());
    assert!(!data::push::insert(&mut rows, &Push { id: PushId(1), ..row.clone() }).await.unwrap(), "it came before");
    assert_eq!(data::push::find(&mut rows, row.id).await.unwrap(), Some(row.clone()));
    assert_eq!(data::push::find_by_key(&mut rows, &row.dedupe_key).await.unwrap(), Some(row.id));
    assert_eq!(data::push::purge(&mut rows, LATER).await.unwrap(), 0, "nobody has handled it");
    for moved in [true, false] {
        assert_eq!(data::push::handle(&mut rows, row.id, "noted", false).await.unwrap(), moved);
    }
    let handled = Push { outcome: Some("noted".into()), ..row.clone() };
    assert_eq!(data::push::find(&mut rows, row.id).await.unwrap(), Some(handled));
    assert_eq!(data::push::purge(&mut rows, LATER).await.unwrap(), 1);
    drop(rows);
    app.end().await;
}
