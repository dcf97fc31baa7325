//! An order that nobody confirms is received in time; WeChat may say so earlier; and both together do so once.

use super::{inspect, listen, receive, send, ship};
use crate::support::{
    app::{Setup, TestApp},
    shop::id,
};
use serde_json::{Value, json};
use weizhan::{
    compute,
    model::time::{days, minutes},
    simulator::{PushFormat, PushMode},
};

/// Who received an order, for each time that it was received.
fn receipts(order: &Value) -> Vec<&str> {
    let steps = order["history"].as_array().expect("history").iter();
    steps.filter(|step| step["step"] == "receive").filter_map(|step| step["actor"].as_str()).collect()
}

#[tokio::test]
async fn time_receives_an_order_that_nobody_confirms_and_a_refund_goes_on() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    let (by_hand, _) = app.paid_order(&ann, &goods, 1).await;
    let (in_steps, _) = app.paid_order(&ann, &goods, 1).await;
    ship(&owner, &order).await.expect(200);
    ship(&owner, &by_hand).await.expect(200);
    let first = json!({ "carrier": "SF", "tracking_no": "1", "more_to_come": true });
    send(&owner, &in_steps, &first).await.expect(200);
    receive(&ann, &by_hand).await.expect(200);
    app.run_jobs().await;
    app.advance(minutes(10 * 1440 - 1));
    app.run_jobs().await;
    assert_eq!(inspect(&app, &order).await["state"], "shipped");
    app.advance(minutes(1));
    app.run_jobs().await;
    assert_eq!(receipts(&inspect(&app, &order).await), ["timer"]);
    assert_eq!(receipts(&inspect(&app, &by_hand).await), ["buyer"]);
    assert_eq!(inspect(&app, &in_steps).await["state"], "shipped", "the rest has not left");
    let owner = app.owner().await;
    let body = json!({ "amount_fen": 100, "reason": "x" });
    owner.post(&format!("/admin/v1/orders/{}/refunds", id(&order))).new_key().json(&body).send().await.expect(201);
    app.run_jobs().await;
    app.advance(minutes(2));
    app.deliver().await;
    app.run_jobs().await;
    assert_eq!(inspect(&app, &order).await["state"], "refunded");
    app.end().await;
}

#[tokio::test]
async fn a_correction_begins_the_time_anew_and_zero_days_never_end() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    ship(&owner, &order).await.expect(200);
    app.run_jobs().await;
    app.advance(days(9));
    let again = json!({ "carrier": "YTO", "tracking_no": "YT1" });
    super::correct(&app.owner().await, &order, &again).await.expect(200);
    app.run_jobs().await;
    app.advance(days(9));
    app.run_jobs().await;
    assert_eq!(inspect(&app, &order).await["state"], "shipped");
    app.advance(days(1));
    app.run_jobs().await;
    assert_eq!(receipts(&inspect(&app, &order).await), ["timer"]);
    app.end().await;

    let overrides = vec![("order.auto_receive_days", "0".to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    ship(&owner, &order).await.expect(200);
    app.run_jobs().await;
    app.advance(days(100));
    app.run_jobs().await;
    assert_eq!(inspect(&app, &order).await["state"], "shipped");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_timer_and_wechat_at_once_receive_an_order_once() {
    let app = TestApp::crowded().await;
    listen(&app, 0, PushMode::Secure, PushFormat::Json);
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, number) = app.paid_order(&ann, &goods, 1).await;
    ship(&owner, &order).await.expect(200);
    app.run_jobs().await;
    app.deliver().await;
    app.advance(minutes(9 * 1440 - 1));
    app.simulator.confirm_receipt(&number).expect("confirmed");
    app.advance(days(1) + minutes(1));
    // WeChat settles, and the timer is due: both jobs run at the same time on two workers.
    app.deliver().await;
    let due = "SELECT COUNT(*) FROM jobs WHERE state = 'ready' AND kind IN ('receive_order', 'handle_push')";
    assert_eq!(app.number(due).await, 2 + 1, "the timer, and what was shipped and settled");
    let (one, other) = tokio::join!(compute::worker::run_due(&app.app), compute::worker::run_due(&app.app));
    one.expect("jobs");
    other.expect("jobs");
    app.advance(minutes(1));
    app.run_jobs().await;
    let seen = inspect(&app, &order).await;
    let who = receipts(&seen);
    assert!(who == ["timer"] || who == ["wechat"], "{who:?}");
    assert!(seen["wechat"]["settled_ms"].is_i64());
    app.end().await;
}
