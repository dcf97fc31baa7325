//! Claims about addresses: which is offered first, how many there are, and what an order keeps.

use crate::support::{app::TestApp, client::User};
use serde_json::{Value, json};

fn body(name: &str, is_default: bool) -> Value {
    json!({ "name": name, "phone": "+86-138-0000-0000", "province": "浙江省", "city": "杭州市", "detail": "文三路 1 号",
        "is_default": is_default })
}

async fn add(buyer: &User, name: &str, is_default: bool) -> Value {
    buyer.post("/v1/addresses").json(&body(name, is_default)).send().await.expect(201)
}

/// Names in the order in which they are offered, the default one marked.
async fn offered(buyer: &User) -> Vec<String> {
    let list = buyer.get("/v1/addresses").send().await.expect(200);
    let mark = |one: &Value| if one["is_default"] == json!(true) { "*" } else { "" };
    list.as_array().unwrap().iter().map(|one| format!("{}{}", one["name"].as_str().unwrap(), mark(one))).collect()
}

#[tokio::test]
async fn one_address_is_the_default() {
    let app = TestApp::new().await;
    let (ann, bob) = (app.buyer("ann").await, app.buyer("bob").await);
    let first = add(&ann, "甲", false).await;
    let expected = json!({ "id": first["id"], "is_default": true, "name": "甲", "phone": "+86-138-0000-0000",
        "province": "浙江省", "city": "杭州市", "district": "", "detail": "文三路 1 号" });
    assert_eq!(first, expected, "the first one is, whatever is said");
    add(&ann, "乙", false).await;
    assert_eq!(offered(&ann).await, ["甲*", "乙"]);
    add(&ann, "丙", true).await;
    assert_eq!(offered(&ann).await, ["丙*", "乙", "甲"]);
    let path = format!("/v1/addresses/{}", first["id"].as_str().unwrap());
    let changed = ann.put(&path).json(&body("丁", true)).send().await.expect(200);
    assert_eq!((&changed["id"], &changed["name"]), (&first["id"], &json!("丁")));
    assert_eq!(offered(&ann).await, ["丁*", "丙", "乙"]);
    add(&bob, "戊", true).await;
    assert_eq!((offered(&bob).await.len(), offered(&ann).await.len()), (1, 3));
    for status in [204, 404] {
        ann.delete(&path).send().await.expect(status);
    }
    assert_eq!(offered(&ann).await, ["丙", "乙"]);
    ann.put(&path).json(&body("己", false)).send().await.expect_problem(404, "address.not_found");
    app.end().await;
}

#[tokio::test]
async fn default_addresses_that_come_at_once_leave_one() {
    let app = TestApp::new().await;
    let ann = app.buyer("ann").await;
    add(&ann, "零", true).await;
    let names = ["一", "二", "三", "四"];
    for round in 1..=4 {
        futures_util::future::join_all(names.map(|name| add(&ann, name, true))).await;
        let offered = offered(&ann).await;
        let defaults = offered.iter().filter(|name| name.ends_with('*')).count();
        assert_eq!((offered.len(), defaults), (1 + 4 * round, 1), "{offered:?}");
    }
    app.end().await;
}

#[tokio::test]
async fn twenty_addresses_are_enough() {
    let app = TestApp::new().await;
    let ann = app.buyer("ann").await;
    for number in 0..20 {
        add(&ann, &format!("第 {number}"), false).await;
    }
    ann.post("/v1/addresses").json(&body("多", true)).send().await.expect_problem(409, "address.too_many");
    assert_eq!(offered(&ann).await.len(), 20);
    app.end().await;
}

#[tokio::test]
async fn an_order_keeps_the_address_it_was_placed_with() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let id = add(&ann, "甲", true).await["id"].as_str().unwrap().to_owned();
    let place = json!({ "lines": [{ "sku_id": goods.sku_id, "qty": 1 }], "address_id": id });
    let order = ann.post("/v1/orders").new_key().json(&place).send().await.expect(201);
    let path = format!("/v1/addresses/{id}");
    ann.put(&path).json(&body("乙", true)).send().await.expect(200);
    ann.delete(&path).send().await.expect(204);
    assert_eq!(ann.see(&order).await["address"]["name"], "甲");
    let refused =
        ann.post("/v1/orders").new_key().json(&place).send().await.expect_problem(422, "order.address_missing");
    assert_eq!(refused["errors"][0]["pointer"], "/address_id");
    app.end().await;
}
