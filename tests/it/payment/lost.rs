//! Money is found without its notice, and beginning to pay can be repeated whatever got lost. Shown with a WeChat that
//! drops its callbacks, loses its replies, or is away.

use crate::support::{
    app::{APPS, Setup, TestApp},
    shop::{failing, id},
};
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{
    model::{payment::QUERY_PLAN_SECONDS, time::minutes},
    simulator::Loss,
};

const PREPAY: &str = "/v3/pay/transactions/jsapi";
const ORDER: &str = "/v3/pay/transactions/out-trade-no/";

#[tokio::test]
async fn a_lost_notice_is_found_by_asking_at_the_planned_times() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    let mut passed = 0;
    for (step, seconds) in QUERY_PLAN_SECONDS.into_iter().take(5).enumerate() {
        app.advance(Duration::from_secs(seconds - passed - 1));
        assert_eq!(app.run_jobs().await, 0, "step {step} comes too early");
        app.advance(Duration::from_secs(1));
        assert_eq!(app.run_jobs().await, 1, "step {step}");
        assert_eq!(ann.see(&order).await["state"], "pending");
        passed = seconds;
    }
    app.simulator.pay(&number).unwrap();
    app.advance(minutes(5));
    app.run_jobs().await;
    let seen = ann.see(&order).await;
    assert_eq!((&seen["state"], &seen["payments"][0]["source"]), (&json!("paid"), &json!("query")));
    assert_eq!(app.simulator.callbacks()[0].attempts.len(), 0, "nothing was told");
    app.end().await;
}

#[tokio::test]
async fn an_unpaid_attempt_is_asked_for_to_the_end_of_the_plan_and_then_closed() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    let mut passed = 0;
    for seconds in QUERY_PLAN_SECONDS {
        app.advance(Duration::from_secs(seconds - passed));
        // At the end of the plan the order's time is over too.
        assert_eq!(app.run_jobs().await, if seconds == 1800 { 2 } else { 1 });
        passed = seconds;
    }
    assert_eq!(ann.see(&order).await["state"], "closed");
    assert!(app.simulator.pay(&number).is_err(), "it is closed at WeChat too");
    app.end().await;
}

#[tokio::test]
async fn the_buyer_who_says_paid_is_not_believed_but_wechat_is() {
    let app = TestApp::new().await;
    let (goods, ann, bob) = (app.goods(100, 5).await, app.buyer("ann").await, app.buyer("bob").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    let order = ann.order(&goods, 1).await.expect(201);
    assert_eq!(ann.ask_payment(&order).await.expect(200)["state"], "pending", "nothing was begun");
    let number = app.begin_payment(&ann, &order).await;
    assert_eq!(ann.ask_payment(&order).await.expect(200)["state"], "pending");
    app.simulator.fail(&number).unwrap();
    assert_eq!(ann.ask_payment(&order).await.expect(200)["state"], "pending");
    app.simulator.pay(&number).unwrap();
    failing(&app, "GET", ORDER, 1, 500, "SYSTEM_ERROR");
    ann.ask_payment(&order).await.expect_problem(503, "wechat.busy");
    app.simulator.faults().change(|faults| faults.unsigned_replies = true);
    ann.ask_payment(&order).await.expect_problem(503, "wechat.busy");
    assert_eq!(ann.see(&order).await["state"], "pending", "an unsigned reply is not believed");
    app.simulator.faults().change(|faults| faults.unsigned_replies = false);
    bob.ask_payment(&order).await.expect_problem(404, "payment.order_not_found");
    let seen = ann.ask_payment(&order).await.expect(200);
    assert_eq!((&seen["state"], &seen["payments"][0]["source"]), (&json!("paid"), &json!("query")));
    assert_eq!(ann.ask_payment(&order).await.expect(200)["version"], 2, "once");
    app.end().await;
}

#[tokio::test]
async fn beginning_again_gives_the_same_handle_until_it_grows_old() {
    let setup = Setup { overrides: vec![("order.unpaid_minutes", "180".to_owned())], ..Setup::default() };
    let app = TestApp::with(setup).await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    let handle = |params: Value| params["package"].as_str().unwrap().to_owned();
    let first = ann.try_payment(&order).await.expect(200);
    assert_eq!((first["signType"].as_str(), first["nonceStr"].as_str().unwrap().len()), (Some("RSA"), 32));
    let first = handle(first);
    app.advance(minutes(109));
    app.run_jobs().await;
    assert_eq!(handle(ann.try_payment(&order).await.expect(200)), first);
    app.advance(minutes(1));
    let second = handle(ann.try_payment(&order).await.expect(200));
    assert_ne!(second, first);
    let truth = app.simulator.ledger().payments;
    assert_eq!((truth.len(), truth[0].prepay_ids.len()), (1, 2), "one number, two handles");
    app.simulator.pay(&truth[0].out_trade_no).unwrap();
    app.deliver().await;
    ann.try_payment(&order).await.expect_problem(409, "payment.state_forbids");
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn a_lost_reply_costs_nothing() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    let lost = Loss { path: PREPAY.to_owned(), method: None, count: 1 };
    app.simulator.faults().change(|faults| faults.reply_lost.push(lost));
    let answer = ann.try_payment(&order).await;
    assert!(answer.headers.contains_key("retry-after"));
    answer.expect_problem(503, "wechat.busy");
    failing(&app, "POST", PREPAY, 1, 500, "SYSTEM_ERROR");
    ann.try_payment(&order).await.expect_problem(503, "wechat.busy");
    let number = app.pay(&ann, &order).await;
    let truth = app.simulator.ledger().payments;
    assert_eq!((truth.len(), &truth[0].out_trade_no), (1, &number), "the number stayed the same");
    assert_eq!(ann.see(&order).await["state"], "paid");
    app.end().await;
}

#[tokio::test]
async fn a_number_that_wechat_will_not_take_is_closed_and_replaced() {
    for (code, status) in [("OUT_TRADE_NO_USED", 403), ("ORDER_CLOSED", 400)] {
        let app = TestApp::new().await;
        let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
        let order = ann.order(&goods, 1).await.expect(201);
        failing(&app, "POST", PREPAY, 1, status, code);
        app.pay(&ann, &order).await;
        assert_eq!(ann.see(&order).await["state"], "paid");
        let states = app.rows().texts("SELECT state FROM prepays ORDER BY id").await;
        assert_eq!(states, ["closed", "paid"], "{code}");
        app.advance(minutes(1));
        app.run_jobs().await;
        app.end().await;
    }
}

#[tokio::test]
async fn an_order_that_wechat_says_is_paid_is_paid() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    app.simulator.pay(&number).unwrap();
    // The handle is forgotten, so WeChat is asked for another one, and says that the order is paid.
    app.spoil("UPDATE prepays SET prepay_id = NULL").await;
    let refused = ann.try_payment(&order).await.expect_problem(409, "payment.state_forbids");
    assert_eq!(refused["state"], "paid");
    assert_eq!(ann.see(&order).await["state"], "paid");
    app.end().await;
}

#[tokio::test]
async fn only_the_account_that_ordered_may_pay() {
    let app = TestApp::new().await;
    let (goods, ann, bob) = (app.goods(100, 5).await, app.buyer("ann").await, app.buyer("bob").await);
    let elsewhere = app.buyer_in(APPS[1].0, "ann").await;
    assert_eq!(elsewhere.signed_in["user"]["id"], ann.signed_in["user"]["id"], "the same person");
    let order = ann.order(&goods, 1).await.expect(201);
    bob.try_payment(&order).await.expect_problem(404, "payment.order_not_found");
    bob.cancel(&order).await.expect_problem(404, "order.not_found");
    assert_eq!(id(&elsewhere.see(&order).await), id(&order), "she sees it there, too");
    elsewhere.try_payment(&order).await.expect_problem(409, "payment.payer_differs");
    assert!(app.simulator.ledger().payments.is_empty(), "WeChat was not asked");
    app.advance(minutes(30));
    ann.try_payment(&order).await.expect_problem(409, "payment.expired");
    app.run_jobs().await;
    assert_eq!(ann.try_payment(&order).await.expect_problem(409, "payment.state_forbids")["state"], "closed");
    app.end().await;
}
