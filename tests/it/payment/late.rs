//! Money for an order that has ended, or that was paid before, goes back by itself, whole and once. Shown with a WeChat
//! that says "closed" and lets the buyer pay all the same.

use crate::support::{
    app::TestApp,
    client::User,
    shop::{Goods, failing},
};
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{model::time::minutes, simulator::RefundStatus};

const PREPAY: &str = "/v3/pay/transactions/jsapi";
const CLOSE: &str = "/v3/pay/transactions/out-trade-no/";

/// An order that is closed here, while WeChat still lets it be paid.
async fn closed_only_here(app: &TestApp, ann: &User, goods: &Goods) -> (Value, String) {
    let order = ann.order(goods, 2).await.expect(201);
    let number = app.begin_payment(ann, &order).await;
    failing(app, "POST", CLOSE, 1, 400, "ORDER_CLOSED");
    assert_eq!(ann.cancel(&order).await.expect(200)["state"], "closed");
    (order, number)
}

/// The one refund at WeChat.
fn the_refund(app: &TestApp) -> weizhan::simulator::Refund {
    let refunds = app.simulator.ledger().refunds;
    assert_eq!(refunds.len(), 1, "one refund at WeChat");
    refunds[0].clone()
}

#[tokio::test]
async fn late_money_goes_back_once_and_the_order_stays_closed() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let (order, number) = closed_only_here(&app, &ann, &goods).await;
    app.simulator.pay(&number).unwrap();
    app.simulator.faults().change(|faults| faults.duplicate = 5);
    app.deliver().await;
    let seen = ann.see(&order).await;
    assert_eq!((&seen["state"], &seen["payments"][0]["accepted"]), (&json!("closed"), &json!(false)));
    assert_eq!(
        (&seen["refunds"][0]["cause"], &seen["refunds"][0]["amount_fen"]),
        (&json!("late_payment"), &json!(200))
    );
    app.run_jobs().await;
    app.advance(minutes(1));
    app.deliver().await;
    app.run_jobs().await;
    let (seen, refund) = (ann.see(&order).await, the_refund(&app));
    assert_eq!((refund.refund_fen.0, refund.status), (200, RefundStatus::Success));
    assert_eq!((&seen["state"], &seen["refunds"][0]["state"]), (&json!("closed"), &json!("succeeded")));
    assert_eq!((&seen["version"], app.left(&goods).await), (&json!(2), 5));
    assert_eq!(app.number("SELECT sales FROM products").await, 0);
    app.end().await;
}

#[tokio::test]
async fn late_money_that_only_a_query_finds_goes_back_too() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    app.simulator.pay(&number).unwrap();
    // An older version that closed here first would leave this behind.
    app.spoil("UPDATE orders SET state = 'closed', version = 2").await;
    app.spoil(
        "INSERT INTO order_transitions (order_id, version, step, from_state, to_state, actor, created_ms)
         SELECT id, 2, 'close', 'pending', 'closed', 'test', created_ms FROM orders",
    )
    .await;
    app.spoil(
        "INSERT INTO stock_moves (id, sku_id, order_id, kind, delta, actor, created_ms)
         SELECT id + 1, sku_id, order_id, 'release', -delta, 'test', created_ms FROM stock_moves",
    )
    .await;
    app.spoil("UPDATE stock SET left_qty = left_qty + 1").await;
    app.advance(Duration::from_secs(5));
    app.run_jobs().await;
    assert_eq!(ann.see(&order).await["refunds"][0]["cause"], "late_payment");
    app.advance(minutes(31));
    app.run_jobs().await;
    assert_eq!(
        (the_refund(&app).status, ann.see(&order).await["state"].clone()),
        (RefundStatus::Success, json!("closed"))
    );
    app.end().await;
}

#[tokio::test]
async fn a_second_payment_of_one_order_goes_back() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    let first = app.begin_payment(&ann, &order).await;
    app.spoil("UPDATE prepays SET prepay_id = NULL").await;
    failing(&app, "POST", PREPAY, 1, 403, "OUT_TRADE_NO_USED");
    failing(&app, "POST", CLOSE, 1, 400, "ORDER_CLOSED");
    let second = app.begin_payment(&ann, &order).await;
    assert_ne!(first, second);
    for number in [&first, &second] {
        app.simulator.pay(number).unwrap();
    }
    app.deliver().await;
    let seen = ann.see(&order).await;
    assert_eq!((&seen["state"], &seen["version"]), (&json!("paid"), &json!(2)));
    let accepted = seen["payments"].as_array().unwrap().iter().filter(|payment| payment["accepted"] == true).count();
    assert_eq!((seen["payments"].as_array().unwrap().len(), accepted), (2, 1));
    app.run_jobs().await;
    app.advance(minutes(1));
    app.deliver().await;
    app.run_jobs().await;
    let (seen, refund) = (ann.see(&order).await, the_refund(&app));
    let back = seen["payments"].as_array().unwrap().iter().find(|payment| payment["accepted"] == false).unwrap();
    assert_eq!(back["transaction_id"], refund.transaction_id.as_str());
    assert_eq!(
        (&seen["refunds"][0]["cause"], &seen["refunds"][0]["state"]),
        (&json!("second_payment"), &json!("succeeded"))
    );
    assert_eq!((&seen["refunded_fen"], &seen["state"]), (&json!(0), &json!("paid")), "the order's own money stays");
    app.end().await;
}

#[tokio::test]
async fn money_that_arrives_between_asking_and_closing_pays_the_order() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    for by_timer in [false, true] {
        app.run_jobs().await;
        let order = ann.order(&goods, 1).await.expect(201);
        let number = app.begin_payment(&ann, &order).await;
        app.simulator.pay(&number).unwrap();
        // The question is answered as if it had come a moment earlier; the order to close finds the money.
        failing(&app, "GET", CLOSE, 1, 404, "ORDER_NOT_EXIST");
        if by_timer {
            app.rows().execute("UPDATE jobs SET state = 'done' WHERE kind = 'query_payment'").await;
            app.advance(minutes(31));
            app.run_jobs().await;
        } else {
            assert_eq!(ann.cancel(&order).await.expect_problem(409, "order.state_forbids")["state"], "paid");
        }
        let seen = ann.see(&order).await;
        assert_eq!((&seen["state"], &seen["payments"][0]["accepted"]), (&json!("paid"), &json!(true)));
    }
    assert_eq!(app.left(&goods).await, 3);
    app.end().await;
}

#[tokio::test]
async fn nothing_is_released_while_wechat_is_away() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 2).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    failing(&app, "GET", CLOSE, 1, 500, "SYSTEM_ERROR");
    ann.cancel(&order).await.expect_problem(503, "wechat.busy");
    failing(&app, "POST", CLOSE, 1, 500, "SYSTEM_ERROR");
    ann.cancel(&order).await.expect_problem(503, "wechat.busy");
    assert_eq!((ann.see(&order).await["state"].clone(), app.left(&goods).await), (json!("pending"), 3));
    // Nor when the time is over: the job comes back.
    failing(&app, "GET", CLOSE, 9, 500, "SYSTEM_ERROR");
    app.advance(minutes(31));
    app.run_jobs().await;
    assert_eq!((ann.see(&order).await["state"].clone(), app.left(&goods).await), (json!("pending"), 3));
    app.simulator.faults().clear();
    assert_eq!(ann.cancel(&order).await.expect(200)["state"], "closed");
    assert_eq!(ann.cancel(&order).await.expect(200)["version"], 2, "twice does no harm");
    assert_eq!(app.left(&goods).await, 5);
    assert!(app.simulator.pay(&number).is_err());
    app.advance(minutes(1));
    app.run_jobs().await;
    app.end().await;
}
