//! A callback is stored as it came before it is answered, and carried out after: by the process that took it, or by
//! whoever finds it. Shown with rows that a process left behind, and by the time line that staff see.

use crate::support::{
    app::TestApp,
    client::User,
    letter::Letter,
    shop::{failing, id},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use weizhan::{
    data,
    model::{
        notice::{Notice, SETTLE_GRACE, WAITING},
        time::minutes,
    },
};

/// A row as a process leaves it that is killed right after it answered.
async fn left_behind(app: &TestApp, letter: &Letter, subject: &str) -> Notice {
    let body = String::from_utf8(letter.body.clone()).unwrap();
    let envelope: Value = serde_json::from_str(&body).unwrap();
    let text = |name: &str| envelope[name].as_str().unwrap().to_owned();
    let now = app.app.now();
    let row = Notice {
        notify_id: text("id"),
        event_type: text("event_type"),
        subject: subject.to_owned(),
        headers: "{}".to_owned(),
        body,
        outcome: WAITING.to_owned(),
        received: 1,
        failures: 0,
        due_ms: now.plus(SETTLE_GRACE),
        received_ms: now,
        last_ms: now,
        settled_ms: None,
    };
    let mut session = app.app.database.alone().await.unwrap();
    assert!(data::notice::insert(&mut session, &row).await.unwrap());
    session.commit().await.unwrap();
    row
}

#[tokio::test]
async fn a_callback_that_a_killed_process_acknowledged_is_carried_out() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    app.simulator.faults().change(|faults| faults.drop = true);
    app.simulator.pay(&number).unwrap();
    left_behind(&app, &app.letter_of(&number), &number).await;
    assert_eq!(weizhan::service::payment::sweep(&app.app).await.unwrap(), 0, "its process has ten seconds");
    assert_eq!(ann.see(&order).await["state"], "pending");
    app.advance(SETTLE_GRACE);
    assert_eq!(weizhan::service::payment::sweep(&app.app).await.unwrap(), 1);
    assert_eq!(ann.see(&order).await["state"], "paid");
    // Its twin, which WeChat sends because it never saw the answer, changes nothing and is counted.
    assert_eq!(app.post_letter(&app.letter_of(&number)).await.status.as_u16(), 204);
    assert_eq!(app.number("SELECT received FROM notices WHERE outcome = 'accepted'").await, 2);
    assert_eq!(app.number("SELECT COUNT(*) FROM payments").await, 1);
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn one_that_cannot_be_settled_is_tried_ever_more_seldom_and_shown_by_verify() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    app.simulator.faults().change(|faults| faults.drop = true);
    app.simulator.pay(&number).unwrap();
    let row = left_behind(&app, &app.letter_of(&number), &number).await;
    // As if the APIv3 key had been changed twice meanwhile.
    app.rows().execute("UPDATE notices SET body = REPLACE(body, 'ciphertext\":\"', 'ciphertext\":\"AAAA')").await;
    let mut waits = Vec::new();
    app.advance(SETTLE_GRACE);
    for failures in 1..=5 {
        assert_eq!(weizhan::service::payment::sweep(&app.app).await.unwrap(), 1);
        assert_eq!(app.number("SELECT failures FROM notices").await, failures);
        let wait = app.number("SELECT due_ms FROM notices").await - app.app.now().0;
        waits.push(wait);
        app.advance(Duration::from_millis(u64::try_from(wait).unwrap()));
    }
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
    let broken: Vec<_> = app.broken().await.into_iter().map(|(name, ids)| (name, ids.len())).collect();
    assert_eq!(broken, [("notice.settled", 1)]);
    let owner = app.owner().await;
    let replay = format!("/admin/v1/notices/{}/replay", row.notify_id);
    owner.post(&replay).send().await.expect_problem(409, "notice.sealed");
    // With the right key at hand again staff need not wait for the next try.
    app.rows().execute("UPDATE notices SET body = REPLACE(body, 'ciphertext\":\"AAAA', 'ciphertext\":\"')").await;
    let replayed = owner.post(&replay).send().await.expect(200);
    assert_eq!((&replayed["outcome"], &replayed["subject"]), (&json!("accepted"), &json!(number)));
    assert_eq!(ann.see(&order).await["state"], "paid");
    app.run_jobs().await;
    app.end().await;
}

async fn timeline(staff: &User, order: &Value) -> Vec<Value> {
    let view = staff.get(&format!("/admin/v1/orders/{}/timeline", id(order))).send().await.expect(200);
    view["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_time_line_tells_the_whole_life_of_a_payment() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let order = ann.order(&goods, 1).await.expect(201);
    failing(&app, "POST", "/v3/pay/transactions/jsapi", 1, 500, "SYSTEM_ERROR");
    ann.post(&format!("/v1/orders/{}/payment", id(&order))).send().await.expect_problem(503, "wechat.busy");
    let number = app.begin_payment(&ann, &order).await;
    app.advance(Duration::from_secs(5));
    app.run_jobs().await;
    app.simulator.faults().change(|faults| (faults.probe, faults.duplicate) = (true, 2));
    app.simulator.pay(&number).unwrap();
    app.deliver().await;
    app.simulator.faults().clear();
    let body = json!({ "amount_fen": 40, "reason": "少了" });
    let path = format!("/admin/v1/orders/{}/refunds", id(&order));
    let refund = owner.post(&path).new_key().json(&body).send().await.expect(201);
    app.run_jobs().await;
    app.advance(minutes(1));
    app.deliver().await;
    app.run_jobs().await;
    let events = timeline(&owner, &order).await;
    let times: Vec<_> = events.iter().map(|event| event["at_ms"].as_i64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let told: BTreeSet<_> =
        events.iter().map(|event| (event["kind"].as_str().unwrap(), event["outcome"].as_str().unwrap())).collect();
    for expected in [
        ("order", "pending"),
        ("order", "paid"),
        ("prepay", "paid"),
        ("call", "prepay: SYSTEM_ERROR"),
        ("call", "prepay: ok"),
        ("call", "query: NOTPAY"),
        ("call", "refund: PROCESSING"),
        ("refused_notice", "probe"),
        ("notice", "accepted"),
        ("notice", "succeeded"),
        ("payment", "accepted"),
        ("refund", "decided"),
        ("refund", "sent"),
        ("refund", "succeeded"),
        ("job", "done"),
    ] {
        assert!(told.contains(&expected), "{expected:?} is not told: {told:?}");
    }
    let notice = events.iter().find(|event| event["kind"] == "notice" && event["subject"] == json!(number)).unwrap();
    assert_eq!(notice["detail"]["received"], 3, "it came thrice");
    let sent: Value = serde_json::from_str(notice["detail"]["headers"].as_str().unwrap()).unwrap();
    assert!(sent["wechatpay-signature"].is_string() && sent["wechatpay-serial"].is_string());
    let raw: Value = serde_json::from_str(notice["detail"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(raw["resource"]["algorithm"], "AEAD_AES_256_GCM", "as it came, sealed");

    // Carried out once more it does nothing more.
    let before = app.number("SELECT version FROM orders").await;
    let path = format!("/admin/v1/notices/{}/replay", notice["detail"]["notify_id"].as_str().unwrap());
    assert_eq!(owner.post(&path).send().await.expect(200)["outcome"], "accepted");
    assert_eq!(app.number("SELECT version FROM orders").await, before);
    assert_eq!(app.number("SELECT COUNT(*) FROM payments").await, 1);
    assert_eq!(app.number("SELECT COUNT(*) FROM audit WHERE action = 'notice.replay'").await, 1);
    owner.post("/admin/v1/notices/nothing/replay").send().await.expect_problem(404, "notice.not_found");
    assert_eq!(ann.see(&order).await["refunds"][0]["id"], refund["id"]);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

/// Strangers fill no disk: only what WeChat sealed is written down when it is refused, once a reason.
#[tokio::test]
async fn a_refused_callback_is_kept_only_if_its_content_is_wechats() {
    let app = TestApp::new().await;
    let (goods, ann, pen) = (app.goods(100, 5).await, app.buyer("ann").await, app.pen());
    let number = app.begin_payment(&ann, &ann.order(&goods, 1).await.expect(201)).await;
    app.simulator.faults().change(|faults| faults.drop = true);
    app.simulator.pay(&number).unwrap();
    let genuine = app.letter_of(&number);
    for _ in 0..3 {
        let stale = pen.sign_at("1", "n", &genuine.path, &genuine.body);
        assert_eq!(app.post_letter(&stale).await.status.as_u16(), 401);
    }
    assert_eq!(app.post_letter(&genuine.clone().without("wechatpay-serial")).await.status.as_u16(), 401);
    let stranger = genuine.clone().carrying(br#"{"id":"x","event_type":"TRANSACTION.SUCCESS"}"#.to_vec());
    assert_eq!(app.post_letter(&stranger).await.status.as_u16(), 401);
    assert_eq!(app.number("SELECT COUNT(*) FROM refused_notices").await, 2);
    assert_eq!(app.number("SELECT received FROM refused_notices WHERE reason = 'timestamp'").await, 3);
    assert_eq!(app.post_letter(&genuine).await.status.as_u16(), 204);
    app.run_jobs().await;
    app.end().await;
}
