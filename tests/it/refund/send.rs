//! A refund reaches WeChat once and is followed to its end. Shown with a WeChat that loses replies and notices, has no
//! money, closes refunds, or cannot hand them over.

use crate::support::{
    app::TestApp,
    client::User,
    letter::sealed,
    shop::{failing, id},
};
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{
    data,
    model::time::minutes,
    service,
    simulator::{Loss, RefundStatus},
    wechat::pay::sign::{Authorization, PrivateKey, request_message},
};

const REFUNDS: &str = "/v3/refund/domestic/refunds";

/// A paid order of 1000 fen, its buyer, and staff who give such parts of it back.
async fn refunding(app: &TestApp, parts: &[i64]) -> (Value, User, User) {
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    for part in parts {
        start(&owner, &order, *part).await;
    }
    (order, ann, owner)
}

async fn start(owner: &User, order: &Value, amount_fen: i64) -> Value {
    let body = json!({ "amount_fen": amount_fen, "reason": "少了" });
    let path = format!("/admin/v1/orders/{}/refunds", id(order));
    owner.post(&path).new_key().json(&body).send().await.expect(201)
}

async fn states(ann: &User, order: &Value) -> Vec<String> {
    let seen = ann.see(order).await;
    let states = seen["refunds"].as_array().unwrap().iter().map(|refund| refund["state"].as_str().unwrap().to_owned());
    states.collect()
}

fn at_wechat(app: &TestApp) -> usize {
    app.simulator.ledger().refunds.len()
}

#[tokio::test]
async fn a_lost_reply_makes_no_second_refund() {
    let app = TestApp::new().await;
    let (order, ann, _) = refunding(&app, &[100]).await;
    let lost = Loss { path: REFUNDS.to_owned(), method: Some("POST".to_owned()), count: 1 };
    app.simulator.faults().change(|faults| faults.reply_lost.push(lost));
    app.run_jobs().await;
    assert_eq!((at_wechat(&app), states(&ann, &order).await), (1, vec!["approved".to_owned()]));
    app.advance(Duration::from_secs(2));
    app.run_jobs().await;
    assert_eq!((at_wechat(&app), states(&ann, &order).await), (1, vec!["processing".to_owned()]));
    app.advance(minutes(1));
    app.run_jobs().await;
    assert_eq!((at_wechat(&app), states(&ann, &order).await), (1, vec!["succeeded".to_owned()]));
    app.deliver().await;
    assert_eq!(ann.see(&order).await["refunded_fen"], 100, "found by asking, then told: counted once");
    app.end().await;
}

#[tokio::test]
async fn a_request_that_never_arrived_is_sent_again_under_the_same_number() {
    let app = TestApp::new().await;
    let (order, ann, _) = refunding(&app, &[100]).await;
    failing(&app, "POST", REFUNDS, 2, 500, "SYSTEM_ERROR");
    failing(&app, "GET", REFUNDS, 1, 500, "SYSTEM_ERROR");
    for _ in 0..5 {
        app.run_jobs().await;
        app.advance(Duration::from_secs(10));
    }
    app.run_jobs().await;
    let number = ann.see(&order).await["refunds"][0]["out_refund_no"].clone();
    let refunds = app.simulator.ledger().refunds;
    assert_eq!((refunds.len(), json!(refunds[0].out_refund_no)), (1, number));
    app.advance(minutes(10));
    app.run_jobs().await;
    assert_eq!(states(&ann, &order).await, ["succeeded"]);
    app.end().await;
}

#[tokio::test]
async fn a_minute_lies_between_two_refunds_of_one_payment() {
    let app = TestApp::new().await;
    let (order, ann, _) = refunding(&app, &[100, 200, 300]).await;
    for sent in 1..=3 {
        app.run_jobs().await;
        assert_eq!(at_wechat(&app), sent);
        app.advance(Duration::from_secs(59));
        app.run_jobs().await;
        assert_eq!(at_wechat(&app), sent, "too early");
        app.advance(Duration::from_secs(1));
    }
    let refused = "SELECT COUNT(*) FROM jobs WHERE last_error IS NOT NULL";
    assert_eq!(app.number(refused).await, 0, "WeChat never had to refuse");
    app.advance(minutes(10));
    app.run_jobs().await;
    assert_eq!(ann.see(&order).await["refunded_fen"], 600);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_do_not_send_two_refunds_of_one_payment_at_once() {
    let app = TestApp::crowded().await;
    for _ in 0..5 {
        let (_, _, _) = refunding(&app, &[100, 200]).await;
        let (now, mut claims) = (app.app.now(), Vec::new());
        for token in 1..=2 {
            let mut session = app.app.database.write().await.unwrap();
            let until = now.plus(minutes(1));
            let jobs = data::job::claim(&mut session, 1, token, until, now).await.unwrap();
            session.commit().await.unwrap();
            let weizhan::model::job::Work::SendRefund { refund } = jobs[0].work else { panic!("{jobs:?}") };
            claims.push((jobs[0].claim.clone(), refund));
        }
        let before = at_wechat(&app);
        let send = |place: usize| service::refund::send(&app.app, &claims[place].0, claims[place].1);
        let (one, other) = tokio::join!(send(0), send(1));
        assert!(one.is_ok() && other.is_ok(), "neither was refused: {one:?} {other:?}");
        assert_eq!(at_wechat(&app), before + 1);
        for _ in 0..3 {
            app.advance(minutes(1));
            app.run_jobs().await;
        }
    }
    assert_eq!(app.number("SELECT CAST(SUM(refunded_fen) AS SIGNED) FROM orders").await, 1_500);
    app.end().await;
}

#[tokio::test]
async fn an_empty_account_is_tried_again() {
    let app = TestApp::new().await;
    let (order, ann, _) = refunding(&app, &[100]).await;
    app.simulator.faults().change(|faults| faults.not_enough = true);
    for _ in 0..4 {
        app.run_jobs().await;
        app.advance(Duration::from_secs(20));
    }
    assert_eq!((at_wechat(&app), states(&ann, &order).await), (0, vec!["approved".to_owned()]));
    assert_eq!(app.number("SELECT COUNT(*) FROM refunds WHERE last_error LIKE 'NOT_ENOUGH%'").await, 1);
    app.simulator.faults().clear();
    for _ in 0..3 {
        app.advance(minutes(1));
        app.run_jobs().await;
    }
    assert_eq!((at_wechat(&app), states(&ann, &order).await), (1, vec!["succeeded".to_owned()]));
    app.end().await;
}

#[tokio::test]
async fn a_closed_refund_frees_its_amount() {
    let app = TestApp::new().await;
    let (order, ann, owner) = refunding(&app, &[1_000]).await;
    app.simulator.faults().change(|faults| faults.refund_result = Some(RefundStatus::Closed));
    app.run_jobs().await;
    app.advance(Duration::from_secs(11));
    app.deliver().await;
    assert_eq!(states(&ann, &order).await, ["closed"]);
    assert_eq!(app.number("SELECT refund_held_fen FROM orders").await, 0);
    app.simulator.faults().clear();
    start(&owner, &order, 1_000).await;
    for _ in 0..3 {
        app.advance(minutes(1));
        app.run_jobs().await;
    }
    assert_eq!(
        (states(&ann, &order).await, ann.see(&order).await["state"].clone()),
        (vec!["closed".to_owned(), "succeeded".to_owned()], json!("refunded"))
    );
    app.end().await;
}

#[tokio::test]
async fn what_could_not_be_handed_over_stays_set_aside_until_staff_mend_it() {
    let app = TestApp::new().await;
    let (order, ann, owner) = refunding(&app, &[900]).await;
    app.simulator.faults().change(|faults| faults.refund_result = Some(RefundStatus::Abnormal));
    app.run_jobs().await;
    app.advance(Duration::from_secs(11));
    app.deliver().await;
    app.advance(minutes(20));
    app.run_jobs().await;
    assert_eq!(states(&ann, &order).await, ["abnormal"]);
    let ask = json!({ "amount_fen": 101, "reason": "x" });
    let path = format!("/admin/v1/orders/{}/refunds", id(&order));
    owner.post(&path).new_key().json(&ask).send().await.expect_problem(409, "refund.too_much");
    // Staff act in the merchant console; then WeChat tells of success.
    let callback = app.simulator.callbacks().pop().unwrap();
    let mut content = callback.resource.clone();
    content["refund_status"] = json!("SUCCESS");
    let mended =
        weizhan::simulator::Callback { id: "mended-1".to_owned(), event_type: "REFUND.SUCCESS".to_owned(), ..callback };
    let letter = app.pen().sign(&app, "/callback/wechat/refund", sealed(&mended, &content).to_string().as_bytes());
    for _ in 0..2 {
        assert_eq!(app.post_letter(&letter).await.status, 204);
    }
    assert_eq!(
        (states(&ann, &order).await, ann.see(&order).await["refunded_fen"].clone()),
        (vec!["succeeded".to_owned()], json!(900))
    );
    app.end().await;
}

#[tokio::test]
async fn a_notice_that_comes_before_the_reply_counts_and_the_reply_does_not_undo_it() {
    let app = TestApp::new().await;
    let (order, ann, _) = refunding(&app, &[1_000]).await;
    let lost = Loss { path: REFUNDS.to_owned(), method: Some("POST".to_owned()), count: 1 };
    app.simulator.faults().change(|faults| faults.reply_lost.push(lost));
    app.run_jobs().await;
    app.advance(Duration::from_secs(11));
    // The job is held up; the notice is not.
    assert_eq!(app.deliver().await, 1);
    assert_eq!(
        (states(&ann, &order).await, ann.see(&order).await["state"].clone()),
        (vec!["succeeded".to_owned()], json!("refunded"))
    );
    app.run_jobs().await;
    assert_eq!(
        (states(&ann, &order).await, ann.see(&order).await["version"].clone()),
        (vec!["succeeded".to_owned()], json!(3))
    );
    app.end().await;
}

#[tokio::test]
async fn a_lost_notice_is_found_by_polling() {
    let app = TestApp::new().await;
    let (order, ann, _) = refunding(&app, &[1_000]).await;
    app.simulator.faults().change(|faults| faults.drop = true);
    app.run_jobs().await;
    // WeChat does not answer for three minutes; then each minute is enough.
    failing(&app, "GET", REFUNDS, 2, 500, "SYSTEM_ERROR");
    for _ in 0..4 {
        app.advance(minutes(1));
        app.run_jobs().await;
    }
    assert_eq!(
        (states(&ann, &order).await, ann.see(&order).await["state"].clone()),
        (vec!["succeeded".to_owned()], json!("refunded"))
    );
    assert!(app.simulator.callbacks().iter().skip(1).all(|callback| callback.attempts.is_empty()));
    app.end().await;
}

/// Send a refund as somebody with the merchant's key would, past this application.
async fn refund_in_the_console(app: &TestApp, refund: &Value, transaction: &str, amount: i64) {
    let body = json!({ "transaction_id": transaction, "out_refund_no": refund["out_refund_no"],
        "amount": { "refund": amount, "total": 1_000, "currency": "CNY" } })
    .to_string();
    let (materials, seconds) = (app.simulator.materials(), app.app.now().seconds());
    let key = PrivateKey::from_pem(&materials.merchant_key_pem).unwrap();
    let nonce = "a-nonce-of-the-console".to_owned();
    let signature = key.sign(&request_message("POST", REFUNDS, seconds, &nonce, body.as_bytes()));
    let authorization = Authorization {
        mchid: materials.mchid,
        nonce,
        timestamp: seconds,
        serial: materials.merchant_serial,
        signature,
    };
    let console = crate::support::client::Client::new(
        reqwest::Client::builder().no_proxy().build().unwrap(),
        &app.simulator_base,
    );
    let request =
        console.post(REFUNDS).header("authorization", &authorization.to_string()).header("accept", "application/json");
    request
        .header("user-agent", "console")
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn a_refund_that_wechat_knows_otherwise_is_not_forgotten() {
    let app = TestApp::new().await;
    let (order, ann, owner) = refunding(&app, &[]).await;
    let ask = json!({ "amount_fen": 300, "reason": "x" });
    let refund = ann.post(&format!("/v1/orders/{}/refunds", id(&order))).new_key().json(&ask).send().await.expect(201);
    let transaction = ann.see(&order).await["payments"][0]["transaction_id"].as_str().unwrap().to_owned();
    refund_in_the_console(&app, &refund, &transaction, 299).await;
    owner.post(&format!("/admin/v1/refunds/{}/approve", id(&refund))).send().await.expect(200);
    for _ in 0..3 {
        app.run_jobs().await;
        app.advance(Duration::from_secs(5));
    }
    assert_eq!((at_wechat(&app), states(&ann, &order).await), (1, vec!["approved".to_owned()]));
    assert_eq!(app.broken().await, [], "its job goes on, and in the end it is given up in plain sight");
    assert_eq!(app.number("SELECT COUNT(*) FROM jobs WHERE last_error LIKE '%does not fit%'").await, 1);
    app.stop().await;
}
