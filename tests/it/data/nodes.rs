//! Nodes, settings, flags, access tokens, terms of leading.

use super::{BYTES, LARGE, LATER, MOST, TEXT, write};
use crate::support::app::{START, TestApp};
use std::time::Duration;
use weizhan::{
    data::{
        self,
        access_token::{AccessToken, Allowance},
        lease::{Held, Term},
        record::Record,
    },
    model::{
        flag::{Flag, FlagChange},
        id::StaffId,
        node::{Node, NodeState},
        setting::{Setting, SettingChange},
        time::{Timestamp, minutes},
    },
};

#[tokio::test]
async fn nodes_and_terms_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let row = Node {
        number: 31,
        holder: "h1".into(),
        address: "[::]:80".into(),
        version: "0.1.0".into(),
        state: NodeState::Serving,
        started_ms: START,
        heartbeat_ms: START,
        expires_ms: LATER,
        skew_ms: -MOST,
        settings_version: MOST,
    };
    for new in [true, false] {
        assert_eq!(data::node::insert(&mut rows, &row).await.unwrap(), new);
    }
    assert_eq!(data::node::list(&mut rows).await.unwrap(), std::slice::from_ref(&row));
    assert_eq!(data::node::count(&mut rows, START).await.unwrap(), 1);
    assert_eq!(data::node::count(&mut rows, LATER).await.unwrap(), 0);
    let next = Node { holder: "h2".into(), ..row.clone() };
    assert!(!data::node::take(&mut rows, &next, "h1", LATER).await.unwrap(), "to the last millisecond");
    let after = Timestamp(LATER.0 + 1);
    assert!(!data::node::take(&mut rows, &next, "h0", after).await.unwrap(), "another holder than was seen");
    assert!(data::node::take(&mut rows, &next, "h1", after).await.unwrap());
    assert!(!data::node::beat(&mut rows, &row).await.unwrap(), "it is another's");
    let beat = Node { state: NodeState::Draining, heartbeat_ms: LATER, skew_ms: 5, ..next.clone() };
    assert!(data::node::beat(&mut rows, &beat).await.unwrap());
    assert_eq!(data::node::list(&mut rows).await.unwrap(), [beat]);
    assert!(data::node::leave(&mut rows, 31, "h2", LATER, START).await.unwrap());
    let gone = &data::node::list(&mut rows).await.unwrap()[0];
    assert_eq!((gone.state, gone.expires_ms, gone.is_free(START)), (NodeState::Gone, LATER, true));
    assert!(data::node::take(&mut rows, &row, "h2", START).await.unwrap(), "one that left is free at once");
    assert!(data::lease::insert(&mut rows, "l", "h1", START).await.unwrap());
    assert!(data::lease::take(&mut rows, "l", "h2", 1, LATER, LATER).await.unwrap());
    for epoch in 1..3 {
        let term = Term { epoch, holder: format!("h{epoch}"), started_ms: LATER };
        data::lease::insert_term(&mut rows, "l", &term).await.unwrap();
        assert_eq!(data::lease::list(&mut rows, "l", 1).await.unwrap(), [term]);
    }
    assert!(data::lease::guard(&mut rows, "l", 2).await.unwrap());
    assert!(
        !data::lease::guard(&mut rows, "l", 1).await.unwrap() && !data::lease::guard(&mut rows, "m", 1).await.unwrap()
    );
    assert!(!data::lease::resign(&mut rows, "l", "h1", 2).await.unwrap());
    assert!(data::lease::resign(&mut rows, "l", "h2", 2).await.unwrap());
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn records_and_what_leases_say_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    for new in [true, false] {
        assert_eq!(data::record::insert(&mut rows, "a/x", TEXT, START).await.unwrap(), new);
    }
    for moved in [true, false] {
        assert_eq!(data::record::change(&mut rows, "a/x", "2", 1, LATER).await.unwrap(), moved);
    }
    assert!(data::record::insert(&mut rows, "a/y", TEXT, START).await.unwrap());
    assert!(data::record::insert(&mut rows, "b", "", START).await.unwrap());
    let record = |name: &str, version, value: &str| Record { name: name.into(), version, value: value.into() };
    assert_eq!(data::record::list(&mut rows, "a/").await.unwrap(), [record("a/x", 2, "2"), record("a/y", 1, TEXT)]);
    assert_eq!(data::record::list(&mut rows, "").await.unwrap().len(), 3);
    for name in ["n/a", "n/b", "o"] {
        assert!(data::lease::insert(&mut rows, name, "h", LATER).await.unwrap());
    }
    data::lease::say(&mut rows, "n/a", 1, TEXT).await.unwrap();
    data::lease::say(&mut rows, "n/b", 2, "of a term that is not").await.unwrap();
    let held = |name: &str, value: &str| Held { name: name.into(), epoch: 1, value: value.into() };
    let listed = data::lease::list_held(&mut rows, "n/", LATER).await.unwrap();
    assert_eq!(listed, [held("n/a", TEXT), held("n/b", "")]);
    assert_eq!(data::lease::list_held(&mut rows, "n/", Timestamp(LATER.0 + 1)).await.unwrap(), []);
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn settings_and_flags_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    assert_eq!(data::setting::head(&mut rows).await.unwrap(), 0);
    assert_eq!(data::setting::step(&mut rows).await.unwrap(), 1);
    let staff_id = StaffId(LARGE);
    let setting = Setting { name: "order.x".into(), version: 1, value: TEXT.into(), staff_id, changed_ms: START };
    for new in [true, false] {
        assert_eq!(data::setting::insert(&mut rows, &setting).await.unwrap(), new);
    }
    let next = Setting { version: MOST, value: "2".into(), changed_ms: LATER, ..setting.clone() };
    for moved in [true, false] {
        assert_eq!(data::setting::change(&mut rows, &next, 1).await.unwrap(), moved);
    }
    assert_eq!(data::setting::list(&mut rows).await.unwrap(), std::slice::from_ref(&next));
    assert_eq!(data::setting::find(&mut rows, "order.x").await.unwrap(), Some(next));
    for (version, value) in [(1, Some(TEXT.to_owned())), (2, None)] {
        let change = SettingChange { name: "order.x".into(), version, value, staff_id, changed_ms: START };
        data::setting::insert_change(&mut rows, &change).await.unwrap();
        assert_eq!(data::setting::list_changes(&mut rows, "order.x", 1).await.unwrap(), [change]);
    }
    for moved in [true, false] {
        assert_eq!(data::setting::remove(&mut rows, "order.x", MOST).await.unwrap(), moved);
    }
    let flag = Flag { name: "x".into(), version: 1, rule: TEXT.into(), staff_id, changed_ms: START };
    for new in [true, false] {
        assert_eq!(data::flag::insert(&mut rows, &flag).await.unwrap(), new);
    }
    let next = Flag { version: MOST, rule: "{}".into(), changed_ms: LATER, ..flag.clone() };
    for moved in [true, false] {
        assert_eq!(data::flag::change(&mut rows, &next, 1).await.unwrap(), moved);
    }
    assert_eq!(data::flag::list(&mut rows).await.unwrap(), std::slice::from_ref(&next));
    assert_eq!(data::flag::find(&mut rows, "x").await.unwrap(), Some(next));
    assert_eq!(data::flag::count(&mut rows).await.unwrap(), 1);
    for (version, rule) in [(1, Some(TEXT.to_owned())), (2, None)] {
        let change = FlagChange { name: "x".into(), version, rule, staff_id, changed_ms: START };
        data::flag::insert_change(&mut rows, &change).await.unwrap();
        assert_eq!(data::flag::list_changes(&mut rows, "x", 1).await.unwrap(), [change]);
    }
    for moved in [true, false] {
        assert_eq!(data::flag::remove(&mut rows, "x").await.unwrap(), moved);
    }
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn access_tokens_come_back_and_are_forced_within_bounds() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    for new in [true, false] {
        assert_eq!(data::access_token::insert(&mut rows, "wx").await.unwrap(), new);
    }
    let later = |seconds| START.plus(Duration::from_secs(seconds));
    for claimed in [true, false] {
        let claimed_now = data::access_token::claim(&mut rows, "wx", 0, MOST, later(10), START).await.unwrap();
        assert_eq!(claimed_now, claimed);
    }
    assert!(data::access_token::claim(&mut rows, "wx", 0, 8, later(99), later(11)).await.unwrap(), "the first died");
    assert!(!data::access_token::put(&mut rows, "wx", MOST, &BYTES, LATER, "h", START).await.unwrap(), "too late");
    let forced = async |rows: &mut data::Session, lease, at: Timestamp| {
        let allowed = Allowance { count_max: 20, before: at.minus(Duration::from_secs(30)) };
        data::access_token::force(rows, "wx", lease, allowed, at).await.unwrap()
    };
    assert!(!forced(&mut rows, 7, START).await, "without the lease");
    for round in 0..20_u32 {
        assert!(forced(&mut rows, 8, START.plus(minutes(1) * round)).await, "{round}");
        assert!(!forced(&mut rows, 8, START.plus(minutes(1) * round + Duration::from_millis(29_999))).await);
    }
    assert!(!forced(&mut rows, 8, START.plus(minutes(30))).await, "the twenty-first of the day");
    assert!(forced(&mut rows, 8, START.plus(minutes(12 * 60))).await, "midnight in Shanghai: START is noon");
    assert!(data::access_token::put(&mut rows, "wx", 8, &BYTES, later(7200), "h", START).await.unwrap());
    let row = AccessToken {
        token: BYTES.to_vec(),
        version: 1,
        expires_ms: later(7200),
        fetched_by: "h".into(),
        fetched_ms: START,
        lease_ms: Timestamp(0),
        forced_day: 20_261_124,
        forced_count: 1,
    };
    assert_eq!(data::access_token::find(&mut rows, "wx").await.unwrap(), Some(row));
    assert_eq!(data::access_token::find(&mut rows, "WX").await.unwrap(), None);
    assert!(!data::access_token::claim(&mut rows, "wx", 0, 9, later(99), later(50)).await.unwrap(), "an old version");
    assert!(data::access_token::claim(&mut rows, "wx", 1, 9, later(99), later(50)).await.unwrap());
    for released in [true, false] {
        assert_eq!(data::access_token::release(&mut rows, "wx", 9).await.unwrap(), released);
    }
    drop(rows);
    app.end().await;
}
