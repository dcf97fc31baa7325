//! What the door says to requests that are wrong: every wrong field is named, nothing is guessed, nothing panics.

use crate::support::{app::TestApp, client::Answer};
use serde_json::{Value, json};

/// The pointers of a refusal, in order.
fn pointers(answer: &Answer) -> Vec<String> {
    let body = answer.body();
    let mut all: Vec<_> = body["errors"].as_array().into_iter().flatten().map(|one| one["pointer"].clone()).collect();
    all.sort_by_key(ToString::to_string);
    all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Method, path, body, and the fields that are wrong in it.
type Wrong = (&'static str, &'static str, Value, &'static [&'static str]);

fn of_buyers() -> Vec<Wrong> {
    vec![
        ("POST", "/v1/login", json!({ "appid": "", "code": "x".repeat(129) }), &["/appid", "/code"]),
        ("POST", "/v1/login", json!({ "code": "x" }), &["/appid"]),
        ("POST", "/v1/login", json!({ "appid": 1, "code": "x" }), &["/appid"]),
        ("POST", "/v1/login", json!({ "appid": "a", "code": "x", "openid": "o" }), &["/openid"]),
        ("POST", "/v1/login", json!([]), &[""]),
        ("POST", "/v1/login", json!("text"), &[""]),
        ("POST", "/v1/token/refresh", json!({ "refresh_token": null }), &["/refresh_token"]),
        (
            "PUT",
            "/v1/me",
            json!({ "nickname": "长".repeat(33), "avatar_url": "http://x/" }),
            &["/avatar_url", "/nickname"],
        ),
        ("PUT", "/v1/cart/items/1", json!({ "qty": 0 }), &["/qty"]),
        ("PUT", "/v1/cart/items/1", json!({ "qty": 1000 }), &["/qty"]),
        ("PUT", "/v1/cart/items/1", json!({ "qty": 1.5 }), &["/qty"]),
        ("PUT", "/v1/cart/items/1", json!({ "qty": "1" }), &["/qty"]),
        (
            "POST",
            "/v1/addresses",
            json!({ "name": "", "phone": "1380000x", "province": "", "city": "长".repeat(31), "detail": "" }),
            &["/city", "/detail", "/name", "/phone", "/province"],
        ),
        ("POST", "/v1/orders", json!({ "lines": [], "address_id": "1" }), &["/lines"]),
        (
            "POST",
            "/v1/orders",
            json!({ "lines": [{ "sku_id": "1", "qty": 0 }, { "sku_id": "1", "qty": 0 }],
            "address_id": "1", "remark": "长".repeat(201) }),
            &["/lines/0/qty", "/lines/1/qty", "/remark"],
        ),
        (
            "POST",
            "/v1/orders",
            json!({ "lines": [{ "sku_id": 1, "qty": 1 }], "address_id": "1" }),
            &["/lines/0/sku_id"],
        ),
        ("POST", "/v1/orders", json!({ "lines": [{ "sku_id": "1" }], "address_id": "1" }), &["/lines/0/qty"]),
        (
            "POST",
            "/v1/orders",
            json!({ "lines": [{ "sku_id": "1", "qty": 1, "price_fen": 1 }], "address_id": "1" }),
            &["/lines/0/price_fen"],
        ),
        ("POST", "/v1/orders", json!({ "lines": [{ "sku_id": "1", "qty": 1 }], "address_id": "0" }), &["/address_id"]),
        ("POST", "/v1/orders/1/refunds", json!({ "amount_fen": 0, "reason": "" }), &["/amount_fen", "/reason"]),
    ]
}

fn of_staff() -> Vec<Wrong> {
    let sku = json!({ "price_fen": 0, "initial_qty": -1, "name": "长".repeat(61) });
    vec![
        ("POST", "/admin/v1/sign-in", json!({ "name": "", "password": "" }), &["/name", "/password"]),
        ("POST", "/admin/v1/categories", json!({ "name": "", "position": -1 }), &["/name", "/position"]),
        (
            "POST",
            "/admin/v1/products",
            json!({ "category_id": "1", "title": "", "state": "on_sale", "pictures": ["/objects/a.png", "ftp://x"], "skus": [sku] }),
            &["/pictures/1", "/skus/0/initial_qty", "/skus/0/name", "/skus/0/price_fen", "/title"],
        ),
        (
            "POST",
            "/admin/v1/products",
            json!({ "category_id": "1", "title": "x", "state": "sold", "skus": [] }),
            &["/state"],
        ),
        (
            "PUT",
            "/admin/v1/products/1",
            json!({ "version": 0, "product":
            { "category_id": "1", "title": "", "state": "draft", "skus": [] } }),
            &["/product/skus", "/product/title", "/version"],
        ),
        ("POST", "/admin/v1/skus/1/stock", json!({ "delta": 1_000_001, "reason": "" }), &["/delta", "/reason"]),
        (
            "POST",
            "/admin/v1/orders/1/shipment",
            json!({ "carrier": "S F", "tracking_no": "" }),
            &["/carrier", "/tracking_no"],
        ),
    ]
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let app = TestApp::new().await;
    for (caller, table) in [(app.buyer("ann").await, of_buyers()), (app.owner().await, of_staff())] {
        for (method, path, body, expected) in table {
            let answer = caller.request(method.parse().unwrap(), path).new_key().json(&body).send().await;
            let mut named = pointers(&answer);
            // A pattern and a length may both be broken by one value.
            named.dedup();
            assert_eq!(named, expected, "{method} {path} {body}: {}", answer.text);
            answer.expect_problem(422, "http.invalid");
        }
    }
    app.end().await;
}
