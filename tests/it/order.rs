//! Claims about orders, shown through the API on the real database.

use crate::support::{app::TestApp, client::new_key};
use serde_json::json;
use weizhan::model::time::minutes;

#[tokio::test]
async fn an_order_takes_stock_and_waits_for_payment() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(1_990, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 2).await.expect(201);
    assert_eq!((&order["state"], &order["goods_fen"]), (&json!("pending"), &json!(3_980)));
    assert_eq!(app.left(&goods).await, 3);
    let seen = ann.see(&order).await;
    assert_eq!((&seen["address"]["name"], &seen["history"][0]["step"]), (&json!("王小明"), &json!("place")));
    app.end().await;
}

#[tokio::test]
async fn the_same_key_gives_the_same_order() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let (address, key) = (ann.address().await, new_key());
    let body = json!({ "lines": [{ "sku_id": goods.sku_id, "qty": 1 }], "address_id": address });
    let first = ann.post("/v1/orders").key(&key).json(&body).send().await.expect(201);
    let again = ann.post("/v1/orders").key(&key).json(&body).send().await.expect(201);
    assert_eq!(first, again);
    assert_eq!(app.left(&goods).await, 4);
    let other = json!({ "lines": [{ "sku_id": goods.sku_id, "qty": 2 }], "address_id": address });
    ann.post("/v1/orders").key(&key).json(&other).send().await.expect_problem(422, "idempotency.key_reused");
    ann.post("/v1/orders").json(&body).send().await.expect_problem(400, "idempotency.key_missing");
    app.end().await;
}

/// An order can no longer be composed, but it was placed.
#[tokio::test]
async fn the_same_key_gives_the_same_order_also_when_it_could_not_be_placed_any_more() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let (address, key) = (ann.address().await, new_key());
    let body = json!({ "lines": [{ "sku_id": goods.sku_id, "qty": 1 }], "address_id": address });
    let first = ann.post("/v1/orders").key(&key).json(&body).send().await.expect(201);
    ann.delete(&format!("/v1/addresses/{address}")).send().await.expect(204);
    assert_eq!(ann.post("/v1/orders").key(&key).json(&body).send().await.expect(201), first);
    // What was refused has not taken its key: once it can be, it is placed.
    let (key, address) = (new_key(), ann.address().await);
    let more = json!({ "lines": [{ "sku_id": goods.sku_id, "qty": 5 }], "address_id": address });
    ann.post("/v1/orders").key(&key).json(&more).send().await.expect_problem(409, "order.out_of_stock");
    ann.post(&format!("/v1/orders/{}/cancel", first["id"].as_str().unwrap())).send().await.expect(200);
    ann.post("/v1/orders").key(&key).json(&more).send().await.expect(201);
    assert_eq!(app.left(&goods).await, 0);
    app.end().await;
}

#[tokio::test]
async fn an_unpaid_order_frees_its_stock() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 5).await.expect(201);
    app.begin_payment(&ann, &order).await;
    app.advance(minutes(29));
    app.run_jobs().await;
    assert_eq!((app.left(&goods).await, ann.see(&order).await["state"].clone()), (0, json!("pending")));
    app.advance(minutes(2));
    app.run_jobs().await;
    assert_eq!((app.left(&goods).await, ann.see(&order).await["state"].clone()), (5, json!("closed")));
    app.end().await;
}

#[tokio::test]
async fn a_whole_purchase() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 2).await;
    let id = order["id"].as_str().unwrap();
    let parcel = json!({ "carrier": "SF", "tracking_no": "SF1234567890" });
    let shipped = owner.post(&format!("/admin/v1/orders/{id}/shipment")).json(&parcel).send().await.expect(200);
    assert_eq!((&shipped["state"], &shipped["shipments"][0]["carrier"]), (&json!("shipped"), &json!("SF")));
    let received = ann.post(&format!("/v1/orders/{id}/receipt")).send().await.expect(200);
    assert_eq!(received["state"], "received");
    let ask = json!({ "amount_fen": 500, "reason": "少了一包" });
    let refund = ann.post(&format!("/v1/orders/{id}/refunds")).new_key().json(&ask).send().await.expect(201);
    assert_eq!(refund["state"], "requested");
    let refund_id = refund["id"].as_str().unwrap();
    owner.post(&format!("/admin/v1/refunds/{refund_id}/approve")).send().await.expect(200);
    app.run_jobs().await;
    app.advance(minutes(1));
    app.deliver().await;
    let seen = ann.see(&order).await;
    assert_eq!((&seen["refunds"][0]["state"], &seen["refunded_fen"]), (&json!("succeeded"), &json!(500)));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn lists_take_their_parameters() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let path = format!("/v1/products?category_id={}&sort=price_up&limit=1&q=%E9%BE%99", goods.category_id);
    let page = app.nobody().get(&path).send().await.expect(200);
    assert_eq!(page["items"][0]["id"], goods.product_id.as_str());
    app.nobody().get("/v1/products?limit=0").send().await.expect_problem(422, "http.invalid");
    app.nobody().get("/v1/products?nope=1").send().await.expect_problem(422, "http.invalid");
    ann.order(&goods, 1).await.expect(201);
    assert_eq!(ann.get("/v1/orders?state=pending").send().await.expect(200)["items"][0]["lines"][0]["qty"], 1);
    app.end().await;
}
