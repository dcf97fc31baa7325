//! Claimed: an event that is told again, in the same body, in another, or at the same time at two nodes, is in the log once,
//! in the order of its source, by our clock and without numbers of people; what finds no room is refused whole, and what was
//! acknowledged before is not lost by it.

use super::{ids, log, report, tell};
use crate::support::{
    app::{START, Setup, TestApp},
    full,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::task::JoinSet;
use weizhan::{
    app::App,
    data::{self, Session},
    model::{
        event::{Event, EventKind, Report, Told},
        id::UserId,
        money::Fen,
        time::{days, minutes},
    },
    service,
};

#[tokio::test]
async fn an_event_told_again_is_the_same_event() {
    let app = TestApp::new().await;
    let nobody = app.nobody();
    let twice: Vec<_> = ids("one", 3).chain(ids("one", 2)).collect();
    let answer = tell(&nobody, &report("installation-1", START, twice)).send().await.expect(200);
    assert_eq!(answer, json!({ "accepted": 3, "known": 2 }));
    let answer = tell(&nobody, &report("installation-1", START, ids("one", 5))).send().await.expect(200);
    assert_eq!(answer, json!({ "accepted": 2, "known": 3 }));
    let found: Vec<_> = log(&app.app.database).await.into_iter().map(|logged| logged.event.event_id).collect();
    assert_eq!(found, ids("one", 5).collect::<Vec<_>>(), "in the order in which they were told");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_take_the_same_events_once_and_leave_no_gap() {
    let overrides = || vec![("database.acquire_timeout_ms", "60000".to_owned()), ("node.id", "2".to_owned())];
    let one = TestApp::crowded().await;
    let url = one.app.config.database.url.expose().to_owned();
    let two = TestApp::with(Setup { overrides: overrides(), database_url: Some(url), ..Setup::default() }).await;
    let (sources, rounds) = (8, if full() { 40 } else { 6 });
    let mut crowd = JoinSet::new();
    for source in 0..sources {
        for client in [one.nobody(), two.nobody()] {
            crowd.spawn(async move {
                let mut accepted = 0;
                for round in 0..rounds {
                    let name = format!("event-{source}-{round:02}");
                    let body = report(&format!("installation-{source}"), START, ids(&name, 17));
                    let answer = tell(&client, &body).send().await.expect(200);
                    assert_eq!(answer["accepted"].as_u64().unwrap() + answer["known"].as_u64().unwrap(), 17);
                    accepted += answer["accepted"].as_u64().unwrap();
                }
                accepted
            });
        }
    }
    let accepted: u64 = crowd.join_all().await.into_iter().sum();
    let all = log(&one.app.database).await;
    assert_eq!((accepted, all.len() as u64), (sources * rounds * 17, sources * rounds * 17));
    let places: BTreeSet<_> = all.iter().map(|logged| &logged.event.event_id).collect();
    assert_eq!(places.len(), all.len(), "each once");
    for source in 0..sources {
        let own = all.iter().filter(|logged| logged.event.source == format!("installation-{source}"));
        let own: Vec<_> = own.map(|logged| (logged.partition_no, logged.event.event_id.clone())).collect();
        assert!(own.is_sorted(), "of one source in one partition, in its order: {own:?}");
    }
    two.stop().await;
    one.end().await;
}

#[tokio::test]
async fn times_are_corrected_and_kept_in_bounds() {
    let app = TestApp::new().await;
    let ahead = START.plus(minutes(90));
    let event = |id: &str, occurred_ms: i64| json!({ "id": id, "kind": "share", "occurred_ms": occurred_ms });
    let body = json!({ "source": "installation-1", "sent_ms": ahead.0, "events": [
        event("an-hour-ago", ahead.minus(minutes(60)).0),
        event("in-an-hour", ahead.plus(minutes(60)).0),
        event("long-ago", ahead.minus(days(8)).0),
        event("never-was", 0),
    ] });
    tell(&app.nobody(), &body).send().await.expect(200);
    let found: Vec<_> = log(&app.app.database).await.into_iter().map(|logged| logged.event.occurred_ms).collect();
    let oldest = START.minus(days(7));
    assert_eq!(found, [START.minus(minutes(60)), START, oldest, oldest]);
    app.end().await;
}

#[tokio::test]
async fn nothing_in_the_log_names_a_person() {
    let app = TestApp::new().await;
    let ann = app.buyer("ann").await;
    let (phone, resident) = ("13800138000", "11010519491231002X");
    let event = json!({ "id": "event-0001", "kind": "custom", "occurred_ms": START.0, "name": format!("{phone} 来电"),
        "page": format!("pages/me?tel={phone}"), "product_id": "42",
        "detail": { "tel": phone, "number": 13_800_138_000_i64, resident: resident, "group": "138 0013 8000", "ok": true } });
    let body = |source: &str| json!({ "source": source, "sent_ms": START.0, "channel": phone, "events": [event] });
    tell(&ann, &body("installation-1")).header("x-forwarded-for", "203.0.113.7").send().await.expect(200);
    tell(&app.nobody(), &body("installation-2")).send().await.expect(200);
    let all = log(&app.app.database).await;
    let visitors: BTreeSet<_> = all.iter().map(|logged| logged.event.visitor.clone()).collect();
    let user = app.number("SELECT id FROM users").await;
    assert_eq!(visitors, BTreeSet::from([format!("u{user}"), "sinstallation-2".to_owned()]));
    let event = &all[0].event;
    assert_eq!((event.name.as_str(), event.page.as_str()), ("*********** 来电", "pages/me?tel=***********"));
    let detail: Value = serde_json::from_str(&event.detail).unwrap();
    assert_eq!(detail["number"], "***********");
    let rows = app.rows().dump().await;
    for secret in [phone, resident, "138 0013 8000", "203.0.113.7"] {
        assert!(rows["event_log"].iter().all(|row| !row.contains(secret)), "{secret}");
    }
    tell(&app.nobody().with_token("no token"), &body("installation-3"))
        .send()
        .await
        .expect_problem(401, "token.invalid");
    app.end().await;
}

#[tokio::test]
async fn what_is_wrong_is_named_and_none_of_it_taken() {
    let app = TestApp::new().await;
    let nobody = app.nobody();
    let good = || report("installation-1", START, ids("one", 2));
    let set = |pointer: &str, value: Value| {
        let mut body = good();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let detail = |detail: Value| {
        let mut body = good();
        body["events"][1]["detail"] = detail;
        body
    };
    let many: Value = (0..17).map(|number| (number.to_string(), json!(1))).collect::<serde_json::Map<_, _>>().into();
    for (body, pointer) in [
        (set("/source", json!("short")), "/source"),
        (set("/source", json!("a name with spaces")), "/source"),
        (set("/sent_ms", json!(-1)), "/sent_ms"),
        (set("/events", json!([])), "/events"),
        (report("installation-1", START, ids("one", 101)), "/events"),
        (set("/events/1/id", json!("x".repeat(41))), "/events/1/id"),
        (set("/events/1/kind", json!("order_paid")), "/events/1/kind"),
        (set("/events/1/kind", json!("nonsense")), "/events/1/kind"),
        (set("/events/1/page", json!("页".repeat(101))), "/events/1/page"),
        (set("/events/1/occurred_ms", json!(i64::MAX)), "/events/1/occurred_ms"),
        (detail(json!({ "a": [] })), "/events/1/detail"),
        (detail(json!({ "a": "x".repeat(1000) })), "/events/1/detail"),
        (detail(many), "/events/1/detail"),
        (detail(json!("text")), "/events/1/detail"),
    ] {
        let problem = tell(&nobody, &body).send().await.expect_problem(422, "http.invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let large = detail(json!({ "a": "x".repeat(300_000) }));
    tell(&nobody, &large).send().await.expect_problem(413, "http.body_too_large");
    assert!(log(&app.app.database).await.is_empty());
    app.end().await;
}

/// A transaction that holds the head of each partition: nothing can be written until it is over.
async fn hold_all(app: &App) -> Session {
    let mut held = app.database.write().await.unwrap();
    let fact = Event::fact(EventKind::SignIn, 1, UserId(1), Fen::ZERO, START);
    let each: Vec<_> = (0..64).map(|source| Event { source: format!("holder-{source}"), ..fact.clone() }).collect();
    data::event::append(&mut held, &each).await.unwrap();
    held
}

/// Wait until the writer has what was sent in hand, and so many more wait.
async fn written_and_waiting(app: &App, waiting: usize) {
    while !(app.ingest.is_writing() && app.ingest.count_waiting() == waiting) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pressure_is_told_and_loses_nothing_acknowledged() {
    let overrides = vec![
        ("database.acquire_timeout_ms", "60000".to_owned()),
        ("database.lock_wait_seconds", "60".to_owned()),
        ("events.waiting_max", "300".to_owned()),
    ];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let held = hold_all(&app.app).await;
    let mut crowd = JoinSet::new();
    let send = |number: usize, crowd: &mut JoinSet<_>| {
        let (client, name) = (app.nobody(), format!("event-{number:02}"));
        crowd.spawn(async move {
            let body = report(&format!("installation-{number}"), START, ids(&name, 100));
            (name, tell(&client, &body).send().await)
        });
    };
    send(0, &mut crowd);
    written_and_waiting(&app.app, 0).await;
    (1..12).for_each(|number| send(number, &mut crowd));
    // One request is in the writer's hands, three wait; the others have no room.
    for _ in 0..8 {
        let (name, answer) = crowd.join_next().await.unwrap().unwrap();
        assert!(answer.headers.contains_key("retry-after"), "{name}: {answer:?}");
        answer.expect_problem(429, "event.too_many");
    }
    assert_eq!((app.app.ingest.count_waiting(), app.app.ingest.refused.get()), (300, 800));
    drop(held);
    let mut acknowledged = BTreeSet::new();
    while let Some(answered) = crowd.join_next().await {
        let (name, answer) = answered.unwrap();
        assert_eq!(answer.expect(200)["accepted"], 100);
        acknowledged.extend(ids(&name, 100));
    }
    let found: BTreeSet<_> = log(&app.app.database).await.into_iter().map(|logged| logged.event.event_id).collect();
    assert_eq!((found.len(), found), (400, acknowledged));
    app.end().await;
}

async fn take_ten(app: App, source: String) -> usize {
    let told = |id| Told {
        id,
        kind: EventKind::Share,
        occurred_ms: START,
        page: String::new(),
        product_id: None,
        name: String::new(),
        detail: String::new(),
    };
    let events = ids(&source, 10).map(told).collect();
    let report = Report { source, sent_ms: START, channel: String::new(), events };
    service::event::take(&app, None, report).await.unwrap().accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_writes_what_it_took() {
    let app = TestApp::crowded().await;
    let held = hold_all(&app.app).await;
    let mut crowd = JoinSet::new();
    crowd.spawn(take_ten(app.app.clone(), "installation-0".to_owned()));
    written_and_waiting(&app.app, 0).await;
    for number in 1..4 {
        crowd.spawn(take_ten(app.app.clone(), format!("installation-{number}")));
    }
    written_and_waiting(&app.app, 30).await;
    tokio::join!(app.app.shut_down(), async {
        app.app.stopping().cancelled().await;
        drop(held);
    });
    assert_eq!(crowd.join_all().await.into_iter().sum::<usize>(), 40);
    app.stop().await;
}
