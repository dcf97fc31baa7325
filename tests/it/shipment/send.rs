//! Parcels leave only what was paid, and whatever staff change is written into the audit chain in the same transaction.

use super::{receive, ship};
use crate::support::{app::TestApp, shop::id};
use serde_json::json;
use weizhan::model::time::minutes;

#[tokio::test]
async fn a_parcel_leaves_a_paid_order_once_and_only_its_buyer_receives_it() {
    let app = TestApp::new().await;
    let (goods, owner) = (app.goods(100, 5).await, app.owner().await);
    let (ann, bob) = (app.buyer("ann").await, app.buyer("bob").await);
    let unpaid = ann.order(&goods, 1).await.expect(201);
    assert_eq!(ship(&owner, &unpaid).await.expect_problem(409, "order.state_forbids")["state"], "pending");
    ann.cancel(&unpaid).await.expect(200);
    assert_eq!(ship(&owner, &unpaid).await.expect_problem(409, "order.state_forbids")["state"], "closed");
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    assert_eq!(receive(&ann, &order).await.expect_problem(409, "order.state_forbids")["state"], "paid");
    ship(&bob, &order).await.expect(401);
    assert_eq!(ship(&owner, &order).await.expect(200)["state"], "shipped");
    assert_eq!(ship(&owner, &order).await.expect_problem(409, "order.state_forbids")["state"], "shipped");
    receive(&bob, &order).await.expect_problem(404, "order.not_found");
    assert_eq!(receive(&ann, &order).await.expect(200)["state"], "received");
    let again = receive(&ann, &order).await.expect(200);
    assert_eq!((&again["version"], again["shipments"].as_array().unwrap().len()), (&json!(4), 1));
    let steps: Vec<_> =
        again["history"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["place", "pay", "ship", "receive"]);
    ship(&owner, &json!({ "id": "404" })).await.expect_problem(404, "order.not_found");
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clerks_who_send_one_order_send_one_parcel() {
    let app = TestApp::crowded().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let (first, second) = (app.owner().await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    let (one, other) = tokio::join!(ship(&first, &order), ship(&second, &order));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!((statuses, app.number("SELECT COUNT(*) FROM shipments").await), ([200, 409], 1));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn every_change_by_staff_leaves_one_row_and_a_refused_one_none() {
    let app = TestApp::new().await;
    let (ann, owner) = (app.buyer("ann").await, app.owner().await);
    let goods = app.goods(100, 5).await;
    let mut known = app.number("SELECT MAX(seq) FROM audit").await;
    assert_eq!(known, 2, "the shelf and the product");
    let staff = id(&owner.signed_in["staff"]).to_owned();
    let (order, _) = app.paid_order(&ann, &goods, 2).await;
    let product = json!({ "version": 1, "product": { "category_id": goods.category_id, "title": "碧螺春", "state": "on_sale",
        "skus": [{ "id": goods.sku_id, "name": "50 克", "price_fen": 100, "active": true }] } });
    let part = json!({ "amount_fen": 50, "reason": "少了" });
    let wish = |amount: i64| json!({ "amount_fen": amount, "reason": "不要了" });
    let refunds = format!("/v1/orders/{}/refunds", id(&order));
    let first = ann.post(&refunds).new_key().json(&wish(30)).send().await.expect(201);
    let second = ann.post(&refunds).new_key().json(&wish(20)).send().await.expect(201);
    let order_target = format!("order:{}", id(&order));
    let changes = [
        ("PUT", format!("/admin/v1/products/{}", goods.product_id), product, "product.change"),
        (
            "POST",
            format!("/admin/v1/skus/{}/stock", goods.sku_id),
            json!({ "delta": 3, "reason": "补货" }),
            "stock.adjust",
        ),
        ("POST", format!("/admin/v1/orders/{}/refunds", id(&order)), part, "refund.start"),
        ("POST", format!("/admin/v1/refunds/{}/approve", id(&first)), json!({}), "refund.approve"),
        ("POST", format!("/admin/v1/refunds/{}/reject", id(&second)), json!({}), "refund.reject"),
        (
            "POST",
            format!("/admin/v1/orders/{}/shipment", id(&order)),
            json!({ "carrier": "SF", "tracking_no": "1" }),
            "order.ship",
        ),
    ];
    for (method, path, body, action) in changes {
        let send = || owner.request(method.parse().unwrap(), &path).new_key().json(&body).send();
        let answer = send().await;
        assert!(answer.status.is_success(), "{action}: {}", answer.text);
        known += 1;
        let row = format!("SELECT action FROM audit WHERE seq = {known} AND staff_id = {staff} AND detail <> ''");
        assert_eq!(app.rows().texts(&row).await, [action]);
        if action.starts_with("refund") || action.starts_with("order") {
            let target = app.rows().texts(&format!("SELECT target FROM audit WHERE seq = {known}")).await;
            assert_eq!(target, [order_target.as_str()]);
        }
        // The same again is refused, but for what may be done twice under a new key.
        if !matches!(action, "stock.adjust" | "refund.start") {
            assert_eq!(send().await.status, 409, "{action}");
            assert_eq!(app.number("SELECT MAX(seq) FROM audit").await, known, "{action}: a refused change left a row");
        }
    }
    app.run_jobs().await;
    app.advance(minutes(2));
    app.run_jobs().await;
    app.advance(minutes(2));
    app.run_jobs().await;
    assert_eq!(ann.see(&order).await["refunded_fen"], 80);
    app.end().await;
}
