//! Stock is never oversold and never lost, by the database alone. Shown by buyers who race for the last pieces, and by
//! orders that take the same pieces in opposite orders.

use crate::support::{
    app::TestApp,
    client::{Answer, new_key},
    full,
    shop::{Goods, id},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use weizhan::model::time::minutes;

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status.as_u16() == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_buyers_race_for_ten_pieces() {
    let app = TestApp::crowded().await;
    let goods = app.goods(100, 10).await;
    let buyers = join_all((0..50).map(|number| {
        let app = &app;
        async move {
            let buyer = app.buyer(&format!("buyer{number}")).await;
            let address = buyer.address().await;
            (buyer, address)
        }
    }))
    .await;
    let answers = join_all(buyers.iter().map(|(buyer, address)| buyer.order_to(address, &goods, 1))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (10, 40));
    for refused in answers.into_iter().filter(|answer| answer.status.as_u16() == 409) {
        let problem = refused.expect_problem(409, "order.out_of_stock");
        assert!(problem["detail"].as_str().unwrap().contains("only 0 of SKU"), "{problem}");
    }
    assert_eq!(app.left(&goods).await, 0);
    assert_eq!(app.number("SELECT COUNT(*) FROM orders").await, 10);
    // Nobody pays: all of it comes back.
    app.advance(minutes(31));
    assert_eq!(app.run_jobs().await, 10);
    assert_eq!(app.left(&goods).await, 10);
    app.end().await;
}

/// A product with two SKUs of so many pieces each.
async fn pair(app: &TestApp, qty: i64) -> (Goods, [String; 2]) {
    let (goods, owner) = (app.goods(100, 1).await, app.owner().await);
    let sku = |name: &str| json!({ "name": name, "price_fen": 100, "initial_qty": qty });
    let body =
        json!({ "category_id": goods.category_id, "title": "套", "state": "on_sale", "skus": [sku("甲"), sku("乙")] });
    let product = owner.post("/admin/v1/products").json(&body).send().await.expect(201);
    let skus = [0, 1].map(|place: usize| id(&product["skus"][place]).to_owned());
    (Goods { product_id: id(&product).to_owned(), sku_id: skus[0].clone(), ..goods }, skus)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_name_the_same_pieces_in_opposite_order_do_not_lock_each_other_out() {
    let app = TestApp::crowded().await;
    let (_, [one, other]) = pair(&app, 1_000).await;
    let (ann, bob) = (app.buyer("ann").await, app.buyer("bob").await);
    let (ann_address, bob_address) = (ann.address().await, bob.address().await);
    let line = |sku: &str| json!({ "sku_id": sku, "qty": 1 });
    let count_of = if full() { 200 } else { 20 };
    let asks = (0..count_of).map(|place| {
        let (buyer, address) = if place % 2 == 0 { (&ann, &ann_address) } else { (&bob, &bob_address) };
        let lines = if place % 2 == 0 { [line(&one), line(&other)] } else { [line(&other), line(&one)] };
        let body = json!({ "lines": lines, "address_id": address });
        async move { buyer.post("/v1/orders").new_key().json(&body).send().await }
    });
    let answers = join_all(asks).await;
    assert_eq!(count(&answers, 201), count_of, "{:?}", answers.iter().find(|answer| answer.status.as_u16() != 201));
    let left = app.rows().numbers("SELECT left_qty FROM stock WHERE initial_qty = 1000").await;
    assert_eq!(left, [1_000 - i64::try_from(count_of).unwrap(); 2]);
    // Cancelled crosswise at the same time, they give everything back.
    let orders: Vec<Value> = answers.into_iter().map(|answer| answer.expect(201)).collect();
    let cancels =
        orders.iter().enumerate().map(|(place, order)| if place % 2 == 0 { &ann } else { &bob }.cancel(order));
    assert_eq!(count(&join_all(cancels).await, 200), count_of);
    let left = app.rows().numbers("SELECT left_qty FROM stock WHERE initial_qty = 1000").await;
    assert_eq!(left, [1_000; 2]);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_requests_with_one_key_give_one_order_also_for_the_last_piece() {
    for stock in [1, 100] {
        let app = TestApp::crowded().await;
        let (goods, ann) = (app.goods(100, stock).await, app.buyer("ann").await);
        let (address, key) = (ann.address().await, new_key());
        let body = json!({ "lines": [{ "sku_id": goods.sku_id, "qty": 1 }], "address_id": address });
        let asks = (0..20).map(|_| ann.post("/v1/orders").key(&key).json(&body).send());
        let orders: Vec<Value> = join_all(asks).await.into_iter().map(|answer| answer.expect(201)).collect();
        assert!(orders.iter().all(|order| *order == orders[0]), "all are told the same");
        assert_eq!((app.number("SELECT COUNT(*) FROM orders").await, app.left(&goods).await), (1, stock - 1));
        app.end().await;
    }
}

#[tokio::test]
async fn the_buyer_pays_the_price_that_was_seen_or_is_asked_again() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let address = ann.address().await;
    let path = format!("/v1/cart/items/{}", goods.sku_id);
    let cart = ann.put(&path).json(&json!({ "qty": 2 })).send().await.expect(200);
    assert_eq!(cart["total_fen"], 200);
    // The price rises between the cart and the order.
    let product = format!("/admin/v1/products/{}", goods.product_id);
    let seen = owner.get(&product).send().await.expect(200);
    let change = json!({ "version": seen["version"], "product": { "category_id": goods.category_id, "title": "龙井", "state": "on_sale",
        "skus": [{ "id": goods.sku_id, "name": "50 克", "price_fen": 150, "active": true }] } });
    owner.put(&product).json(&change).send().await.expect(200);
    let ask = |total: Option<i64>| {
        let mut body = json!({ "lines": [{ "sku_id": goods.sku_id, "qty": 2 }], "address_id": address });
        if let Some(total) = total {
            body["expected_total_fen"] = json!(total);
        }
        ann.post("/v1/orders").new_key().json(&body).send()
    };
    let refused = ask(Some(200)).await.expect_problem(409, "order.price_changed");
    assert!(refused["detail"].as_str().unwrap().contains("3.00"), "{refused}");
    ask(Some(299)).await.expect_problem(409, "order.price_changed");
    assert_eq!(app.left(&goods).await, 5, "a refused order takes nothing");
    let order = ask(Some(300)).await.expect(201);
    assert_eq!((&order["total_fen"], &order["lines"][0]["price_fen"]), (&json!(300), &json!(150)));
    assert_eq!(ann.get("/v1/cart").send().await.expect(200)["items"], json!([]), "what was ordered left the cart");
    // What was ordered keeps its price.
    let cheaper = json!({ "version": 2, "product": { "category_id": goods.category_id, "title": "龙井", "state": "on_sale",
        "skus": [{ "id": goods.sku_id, "name": "50 克", "price_fen": 1, "active": true }] } });
    owner.put(&product).json(&cheaper).send().await.expect(200);
    assert_eq!(ann.see(&order).await["total_fen"], 300);
    app.pay(&ann, &order).await;
    assert_eq!(ann.see(&order).await["payments"][0]["total_fen"], 300);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_cannot_take_what_is_not_there() {
    let app = TestApp::crowded().await;
    let (goods, owner) = (app.goods(100, 10).await, app.owner().await);
    let path = format!("/admin/v1/skus/{}/stock", goods.sku_id);
    let take = || async { owner.post(&path).new_key().json(&json!({ "delta": -3, "reason": "盘点" })).send().await };
    let answers = join_all((0..8).map(|_| take())).await;
    assert_eq!((count(&answers, 200), count(&answers, 409)), (3, 5));
    assert_eq!(app.left(&goods).await, 1);
    let (key, body) = (new_key(), json!({ "delta": -1, "reason": "盘点" }));
    let same = join_all((0..8).map(|_| owner.post(&path).key(&key).json(&body).send())).await;
    assert!(same.into_iter().all(|answer| answer.expect(200)["left_qty"] == 0), "the same key takes once");
    assert_eq!(app.left(&goods).await, 0);
    app.end().await;
}
