//! Claims about carts: what they hold, what they say of it now, and where they end.

use crate::support::{app::TestApp, client::User, shop::Goods};
use serde_json::{Value, json};

async fn put(buyer: &User, sku: &str, qty: i64) -> Value {
    buyer.put(&format!("/v1/cart/items/{sku}")).json(&json!({ "qty": qty })).send().await.expect(200)
}

fn wanted(cart: &Value) -> Vec<(String, i64)> {
    let items = cart["items"].as_array().unwrap();
    items.iter().map(|item| (item["sku_id"].as_str().unwrap().to_owned(), item["qty"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn a_cart_holds_what_its_buyer_put_in_last_touched_first() {
    let app = TestApp::new().await;
    let (one, two): (Goods, Goods) = (app.goods(100, 5).await, app.goods(250, 5).await);
    let (ann, bob) = (app.buyer("ann").await, app.buyer("bob").await);
    put(&ann, &one.sku_id, 1).await;
    app.advance(std::time::Duration::from_secs(1));
    let both = put(&ann, &two.sku_id, 2).await;
    assert_eq!(wanted(&both), [(two.sku_id.clone(), 2), (one.sku_id.clone(), 1)]);
    assert_eq!(both["total_fen"], 600);
    let expected = json!({ "sku_id": two.sku_id, "product_id": two.product_id, "title": "龙井", "sku_name": "50 克",
        "cover_url": "", "price_fen": 250, "qty": 2, "left_qty": 5, "buyable": true });
    assert_eq!(both["items"][0], expected);
    app.advance(std::time::Duration::from_secs(1));
    let more = put(&ann, &one.sku_id, 3).await;
    assert_eq!(wanted(&more), [(one.sku_id.clone(), 3), (two.sku_id.clone(), 2)], "not added to: replaced");
    assert_eq!(ann.get("/v1/cart").send().await.expect(200), more);
    assert_eq!(bob.get("/v1/cart").send().await.expect(200), json!({ "items": [], "total_fen": 0 }));
    for _ in 0..2 {
        let left = ann.delete(&format!("/v1/cart/items/{}", one.sku_id)).send().await.expect(200);
        assert_eq!(wanted(&left), [(two.sku_id.clone(), 2)], "also the second time");
    }
    app.end().await;
}

#[tokio::test]
async fn a_cart_says_what_can_be_bought_now() {
    let app = TestApp::new().await;
    let (scarce, plenty) = (app.goods(100, 2).await, app.goods(250, 50).await);
    let (ann, bob, owner) = (app.buyer("ann").await, app.buyer("bob").await, app.owner().await);
    put(&ann, &scarce.sku_id, 2).await;
    assert_eq!(put(&ann, &plenty.sku_id, 1).await["total_fen"], 450);
    bob.order(&scarce, 1).await.expect(201);
    let cart = ann.get("/v1/cart").send().await.expect(200);
    let item = |cart: &Value, sku: &str| {
        cart["items"].as_array().unwrap().iter().find(|item| item["sku_id"] == sku).unwrap().clone()
    };
    assert_eq!(
        (&item(&cart, &scarce.sku_id)["buyable"], &item(&cart, &scarce.sku_id)["left_qty"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(cart["total_fen"], 250, "only what can be bought is added up");
    let admin = format!("/admin/v1/products/{}", plenty.product_id);
    let seen = owner.get(&admin).send().await.expect(200);
    let sku = &seen["skus"][0];
    let off = json!({ "version": seen["version"], "product": { "category_id": seen["category_id"], "title": "龙井",
        "state": "off_sale", "skus": [{ "id": sku["id"], "name": sku["name"], "price_fen": 300 }] } });
    owner.put(&admin).json(&off).send().await.expect(200);
    let cart = ann.get("/v1/cart").send().await.expect(200);
    let gone = item(&cart, &plenty.sku_id);
    assert_eq!((&gone["buyable"], &gone["price_fen"], &cart["total_fen"]), (&json!(false), &json!(300), &json!(0)));
    app.end().await;
}

#[tokio::test]
async fn a_cart_ends_at_a_hundred_lines() {
    let app = TestApp::new().await;
    let (extra, owner, ann) = (app.goods(100, 5).await, app.owner().await, app.buyer("ann").await);
    let skus: Vec<_> =
        (0..100).map(|number| json!({ "name": number.to_string(), "price_fen": 1, "initial_qty": 1 })).collect();
    let body = json!({ "category_id": extra.category_id, "title": "百", "state": "on_sale", "skus": skus });
    let product = owner.post("/admin/v1/products").json(&body).send().await.expect(201);
    let skus: Vec<_> = product["skus"].as_array().unwrap().iter().map(|sku| sku["id"].as_str().unwrap()).collect();
    for sku in &skus {
        put(&ann, sku, 1).await;
    }
    let path = format!("/v1/cart/items/{}", extra.sku_id);
    ann.put(&path).json(&json!({ "qty": 1 })).send().await.expect_problem(409, "cart.full");
    assert_eq!(wanted(&put(&ann, skus[7], 9).await).len(), 100, "what is in it can still be changed");
    ann.delete(&format!("/v1/cart/items/{}", skus[0])).send().await.expect(200);
    assert_eq!(wanted(&put(&ann, &extra.sku_id, 1).await).len(), 100);
    ann.put("/v1/cart/items/4242").json(&json!({ "qty": 1 })).send().await.expect_problem(404, "cart.sku_missing");
    app.end().await;
}
