//! Lines of WeChat Pay's checklists that no other test shows.

use crate::support::{
    app::{APPS, Setup, TestApp},
    client::{Client, User},
    shop::{Goods, id},
};
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{
    data,
    model::{
        notice::{Notice, SETTLE_GRACE, WAITING},
        time::minutes,
    },
    simulator::{CallbackKey, Rotation},
    wechat::pay::sign::PrivateKey,
};

/// An order whose payment has begun, with its number at WeChat.
async fn begun(app: &TestApp, buyer: &User, goods: &Goods) -> (Value, String) {
    let order = buyer.order(goods, 1).await.expect(201);
    let number = app.begin_payment(buyer, &order).await;
    (order, number)
}

#[tokio::test]
async fn the_cashier_opens_with_the_key_that_signed_the_order() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    // The simulator has verified the order with the merchant's key; now it verifies the call of the cashier with it.
    let params = ann.try_payment(&order).await.expect(200);
    let wechat = Client::new(reqwest::Client::builder().no_proxy().build().unwrap(), &app.simulator_base);
    let open = async |params: &Value| wechat.post("/_simulator/api/cashier").json(params).send().await;
    assert_eq!(open(&params).await.expect(200)["total_fen"], 100);
    let text = |name: &str| params[name].as_str().unwrap().to_owned();
    let (time, nonce, package) = (text("timeStamp"), text("nonceStr"), text("package"));
    let message = format!("{}\n{time}\n{nonce}\n{package}\n", APPS[0].0);
    let mut other = params.clone();
    other["paySign"] = json!(PrivateKey::generate().unwrap().0.sign(message.as_bytes()));
    assert_eq!(open(&other).await.status, 409, "another key opens nothing");
    app.end().await;
}

#[tokio::test]
async fn a_callback_needs_no_sign_in() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    for authorization in [None, Some("Bearer of-nobody"), Some("Basic bm9ib2R5Og==")] {
        let (order, number) = begun(&app, &ann, &goods).await;
        app.simulator.pay(&number).unwrap();
        let letter = app.letter_of(&number);
        let letter = match authorization {
            Some(value) => letter.and("authorization", value),
            None => letter,
        };
        assert_eq!(app.post_letter(&letter).await.status, 204, "{authorization:?}");
        assert_eq!(ann.see(&order).await["state"], "paid");
    }
    app.end().await;
}

#[tokio::test]
async fn a_new_platform_certificate_signs_without_a_gap() {
    // By certificate alone: replies and callbacks.
    let overrides = vec![("pay.public_key_id", String::new()), ("pay.public_key", String::new())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let goods = app.goods(100, 50).await;
    app.simulator.faults().change(|faults| (faults.drop, faults.callback_key) = (true, CallbackKey::Certificate));
    let mut serials = Vec::new();
    // The certificate is replaced in its time; then, hours later, by one that nobody had announced.
    for rotation in [Rotation::Before, Rotation::Listed, Rotation::Signing, Rotation::Over, Rotation::Before] {
        app.simulator.faults().change(|faults| faults.rotation = rotation);
        let ann = app.buyer("ann").await;
        let (order, number) = begun(&app, &ann, &goods).await;
        app.simulator.pay(&number).unwrap();
        let letter = app.letter_of(&number);
        let answer = app.post_letter(&letter).await;
        assert_eq!(answer.status, 204, "{rotation:?}: {}", answer.text);
        assert_eq!(ann.see(&order).await["state"], "paid", "{rotation:?}");
        serials.push(letter.header("wechatpay-serial"));
        app.advance(minutes(12 * 60));
        app.run_jobs().await;
    }
    assert_eq!((&serials[0], &serials[2]), (&serials[1], &serials[3]));
    assert_ne!(serials[1], serials[2], "another one signed");
    app.end().await;
}

#[tokio::test]
async fn money_that_was_refunded_elsewhere_still_pays() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, number) = begun(&app, &ann, &goods).await;
    app.simulator.pay(&number).unwrap();
    app.deliver().await;
    let ask = json!({ "amount_fen": 300, "reason": "少了" });
    owner.post(&format!("/admin/v1/orders/{}/refunds", id(&order))).new_key().json(&ask).send().await.expect(201);
    app.run_jobs().await;
    app.advance(Duration::from_secs(61));
    app.deliver().await;
    app.run_jobs().await;
    // As if the answer about the payment had been the last of all: WeChat's state is REFUND by now.
    app.rows().execute("UPDATE prepays SET state = 'open'").await;
    let seen = ann.ask_payment(&order).await.expect(200);
    assert_eq!((&seen["state"], &seen["refunded_fen"]), (&json!("paid"), &json!(300)));
    assert_eq!(seen["payments"].as_array().unwrap().len(), 1, "known money, not second money");
    app.rows().execute("UPDATE prepays SET state = 'paid'").await;
    app.end().await;
}

/// Another transaction holds the place where the callback is to be stored, and does not let go of it.
#[tokio::test]
async fn wechat_is_answered_in_time_though_the_database_is_not() {
    let overrides =
        vec![("database.acquire_timeout_ms", "60000".to_owned()), ("database.lock_wait_seconds", "60".to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    let (order, number) = begun(&app, &ann, &goods).await;
    app.simulator.pay(&number).unwrap();
    let letter = app.letter_of(&number);
    let mut session = app.app.database.write().await.unwrap();
    let now = app.app.now();
    let row = Notice {
        notify_id: app.callback_of(&number).id,
        event_type: "TRANSACTION.SUCCESS".to_owned(),
        subject: number.clone(),
        headers: "{}".to_owned(),
        body: "{}".to_owned(),
        outcome: WAITING.to_owned(),
        received: 1,
        failures: 0,
        due_ms: now.plus(SETTLE_GRACE),
        received_ms: now,
        last_ms: now,
        settled_ms: None,
    };
    assert!(data::notice::insert(&mut session, &row).await.unwrap());
    let answer = letter.to(&app.nobody()).send().await;
    assert_eq!((answer.status.as_u16(), &answer.body()["code"]), (503, &json!("FAIL")), "{}", answer.text);
    drop(session);
    // WeChat calls again.
    assert_eq!(app.post_letter(&letter).await.status, 204);
    app.advance(SETTLE_GRACE);
    app.run_jobs().await;
    assert_eq!(ann.see(&order).await["state"], "paid");
    app.end().await;
}
