//! Claims about what is sold: lists that miss nothing, search, changes by staff.

use crate::support::{
    app::TestApp,
    client::{Client, User},
    shop::Goods,
};
use serde_json::{Value, json};

/// A shelf with products at these prices; their ids.
async fn stock_up(owner: &User, shelf: &Value, prices: &[i64]) -> Vec<String> {
    let mut ids = Vec::new();
    for (number, price) in prices.iter().enumerate() {
        let body = json!({ "category_id": shelf["id"], "title": format!("茶 {number}"), "state": "on_sale",
            "skus": [{ "price_fen": price, "initial_qty": 9 }] });
        let product = owner.post("/admin/v1/products").json(&body).send().await.expect(201);
        ids.push(product["id"].as_str().unwrap().to_owned());
    }
    ids
}

async fn shelf(owner: &User, name: &str, position: i64) -> Value {
    owner.post("/admin/v1/categories").json(&json!({ "name": name, "position": position })).send().await.expect(201)
}

/// Walk a list to its end; its rows.
async fn walk(client: &Client, path: &str, limit: usize) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("{path}limit={limit}{cursor}")).send().await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{path}");
        rows.extend(items.iter().cloned());
        assert!(rows.len() < 100, "{path} never ends");
        let Some(next) = page["next"].as_str() else { return rows };
        assert_eq!(items.len(), limit, "only the last page is short");
        cursor = format!("&cursor={next}");
    }
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[tokio::test]
async fn every_sort_walks_every_product_once() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let (tea, cups) = (shelf(&owner, "茶", 2).await, shelf(&owner, "杯", 1).await);
    // Equal prices side by side, so that pages end between them.
    let of_tea = stock_up(&owner, &tea, &[500, 100, 100, 100, 300, 100, 500, 200]).await;
    let of_cups = stock_up(&owner, &cups, &[100, 900, 100, 300]).await;
    let ann = app.buyer("ann").await;
    for (id, qty) in [(&of_tea[3], 2), (&of_cups[1], 2), (&of_tea[0], 1)] {
        let product = ann.get(&format!("/v1/products/{id}")).send().await.expect(200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let goods = Goods {
            category_id: text(&product["category_id"]),
            product_id: id.clone(),
            sku_id: text(&product["skus"][0]["id"]),
        };
        app.paid_order(&ann, &goods, qty).await;
    }
    let all = sorted([of_tea.clone(), of_cups.clone()].concat());
    // Later than any copy of a list is kept.
    app.advance(weizhan::model::time::minutes(10));
    for (sort, key, up) in [
        ("newest", "id", false),
        ("sales", "sales", false),
        ("price_up", "price_fen", true),
        ("price_down", "price_fen", false),
    ] {
        for limit in [1, 3, 100] {
            let rows = walk(&ann, &format!("/v1/products?sort={sort}&"), limit).await;
            assert_eq!(sorted(ids(&rows)), all, "{sort} by {limit}");
            let values: Vec<i64> = rows
                .iter()
                .map(|row| row[key].as_i64().unwrap_or_else(|| row[key].as_str().unwrap().parse().unwrap()))
                .collect();
            assert!(
                if up { values.is_sorted() } else { values.is_sorted_by(|one, next| one >= next) },
                "{sort}: {values:?}"
            );
            let path = format!("/v1/products?sort={sort}&category_id={}&", tea["id"].as_str().unwrap());
            assert_eq!(sorted(ids(&walk(&ann, &path, limit).await)), sorted(of_tea.clone()), "{sort} by {limit}, tea");
        }
    }
    let best = walk(&ann, "/v1/products?sort=sales&", 3).await;
    assert_eq!(best.iter().take(4).map(|row| row["sales"].as_i64().unwrap()).collect::<Vec<_>>(), [2, 2, 1, 0]);
    assert_eq!(sorted(ids(&walk(&owner, "/admin/v1/products?", 5).await)), all);
    let shelves = ann.get("/v1/categories").send().await.expect(200);
    assert_eq!(shelves, json!([cups, tea]), "in the order of their position");
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn a_search_takes_its_text_as_it_stands() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let tea = shelf(&owner, "茶", 1).await;
    for title in ["100% Cotton", "1000 Cotton", "a_b", "axb", "Wow!", "龙井 2026", "back\\slash", "quote'd"] {
        let body =
            json!({ "category_id": tea["id"], "title": title, "state": "on_sale", "skus": [{ "price_fen": 1 }] });
        owner.post("/admin/v1/products").json(&body).send().await.expect(201);
    }
    for (asked, expected) in [
        ("100%25", &["100% Cotton"][..]),
        ("%25", &["100% Cotton"]),
        ("a_b", &["a_b"]),
        ("_", &["a_b"]),
        ("!", &["Wow!"]),
        ("COTTON", &["1000 Cotton", "100% Cotton"]),
        ("%20cotton%20", &["1000 Cotton", "100% Cotton"]),
        ("%E9%BE%99%E4%BA%95", &["龙井 2026"]),
        ("%5C", &["back\\slash"]),
        ("'", &["quote'd"]),
        ("%25%25", &[]),
        ("nothing", &[]),
    ] {
        let rows = walk(&app.nobody(), &format!("/v1/products?q={asked}&"), 1).await;
        let titles: Vec<_> = rows.iter().map(|row| row["title"].as_str().unwrap()).collect();
        assert_eq!(titles, expected, "{asked}");
    }
    app.end().await;
}

/// A product as staff would write it back.
fn draft(product: &Value, change: impl Fn(&mut Value)) -> Value {
    let skus: Vec<_> = product["skus"].as_array().unwrap().iter().map(|sku| {
        json!({ "id": sku["id"], "name": sku["name"], "price_fen": sku["price_fen"], "active": sku["active"] })
    }).collect();
    let mut body = json!({ "version": product["version"], "product": {
        "category_id": product["category_id"], "title": product["title"], "subtitle": product["subtitle"],
        "detail": product["detail"], "pictures": product["pictures"], "state": product["state"], "skus": skus } });
    change(&mut body);
    body
}

#[tokio::test]
async fn what_is_not_on_sale_is_not_there_for_buyers() {
    let app = TestApp::new().await;
    let (goods, owner) = (app.goods(100, 5).await, app.owner().await);
    let (path, admin) =
        (format!("/v1/products/{}", goods.product_id), format!("/admin/v1/products/{}", goods.product_id));
    let mut seen = app.nobody().get(&path).send().await.expect(200);
    assert_eq!(seen, owner.get(&admin).send().await.expect(200));
    for state in ["off_sale", "draft", "on_sale"] {
        let body = draft(&seen, |body| body["product"]["state"] = json!(state));
        seen = owner.put(&admin).json(&body).send().await.expect(200);
        let shown = app.nobody().get(&path).send().await;
        let listed = walk(&app.nobody(), "/v1/products?", 10).await.len();
        if state == "on_sale" {
            assert_eq!((shown.expect(200), listed), (seen.clone(), 1));
        } else {
            shown.expect_problem(404, "product.not_found");
            assert_eq!(listed, 0, "{state}");
            assert_eq!(owner.get(&admin).send().await.expect(200)["state"], state);
        }
    }
    app.nobody().get("/v1/products/4242").send().await.expect_problem(404, "product.not_found");
    app.end().await;
}

#[tokio::test]
async fn a_change_is_seen_at_once_where_it_was_made() {
    let app = TestApp::new().await;
    let (goods, owner) = (app.goods(100, 5).await, app.owner().await);
    let (path, admin) =
        (format!("/v1/products/{}", goods.product_id), format!("/admin/v1/products/{}", goods.product_id));
    for price in [200, 300, 150] {
        let seen = app.nobody().get(&path).send().await.expect(200);
        app.nobody().get("/v1/products?sort=price_up").send().await.expect(200);
        let body = draft(&seen, |body| body["product"]["skus"][0]["price_fen"] = json!(price));
        let changed = owner.put(&admin).json(&body).send().await.expect(200);
        assert_eq!(changed["version"].as_i64(), seen["version"].as_i64().map(|version| version + 1));
        assert_eq!(app.nobody().get(&path).send().await.expect(200), changed);
        let list = app.nobody().get("/v1/products?sort=price_up").send().await.expect(200);
        assert_eq!((&list["items"][0]["price_fen"], &changed["price_fen"]), (&json!(price), &json!(price)));
    }
    let shelves = app.nobody().get("/v1/categories").send().await.expect(200);
    shelf(&owner, "新", 0).await;
    let more = app.nobody().get("/v1/categories").send().await.expect(200);
    assert_eq!(more.as_array().unwrap().len(), shelves.as_array().unwrap().len() + 1);
    app.end().await;
}

#[tokio::test]
async fn a_change_of_what_changed_meanwhile_is_refused() {
    let app = TestApp::new().await;
    let (goods, other, owner) = (app.goods(100, 5).await, app.goods(100, 5).await, app.owner().await);
    let admin = format!("/admin/v1/products/{}", goods.product_id);
    let seen = owner.get(&admin).send().await.expect(200);
    let first = draft(&seen, |body| body["product"]["title"] = json!("第一"));
    let changed = owner.put(&admin).json(&first).send().await.expect(200);
    owner.put(&admin).json(&first).send().await.expect_problem(409, "product.changed");
    for (place, value, code) in [
        ("/product/category_id", json!("4242"), "product.category_missing"),
        ("/product/skus/0/id", json!(other.sku_id), "product.sku_missing"),
        ("/product/skus/0/id", json!("4242"), "product.sku_missing"),
    ] {
        let body = draft(&changed, |body| *body.pointer_mut(place).unwrap() = value.clone());
        owner.put(&admin).json(&body).send().await.expect_problem(422, code);
    }
    let missing = draft(&changed, |_| ());
    owner.put("/admin/v1/products/4242").json(&missing).send().await.expect_problem(404, "product.not_found");
    assert_eq!(owner.get(&admin).send().await.expect(200), changed, "what was refused left nothing");
    app.end().await;
}

#[tokio::test]
async fn a_sku_that_is_not_named_stays_and_an_inactive_one_is_not_shown() {
    let app = TestApp::new().await;
    let (goods, owner) = (app.goods(100, 5).await, app.owner().await);
    let (path, admin) =
        (format!("/v1/products/{}", goods.product_id), format!("/admin/v1/products/{}", goods.product_id));
    let seen = owner.get(&admin).send().await.expect(200);
    let more = draft(&seen, |body| {
        body["product"]["skus"] = json!([{ "name": "100 克", "price_fen": 50, "initial_qty": 7 }]);
    });
    let two = owner.put(&admin).json(&more).send().await.expect(200);
    let names = |product: &Value| {
        product["skus"].as_array().unwrap().iter().map(|sku| sku["left_qty"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names(&two).iter().sum::<i64>(), 12);
    let at = two["skus"].as_array().unwrap().iter().position(|sku| sku["name"] == "100 克").unwrap();
    let off = draft(&two, |body| body["product"]["skus"][at]["active"] = json!(false));
    let off = owner.put(&admin).json(&off).send().await.expect(200);
    assert_eq!((names(&off).len(), &off["price_fen"]), (2, &json!(100)), "the lowest price that can be paid");
    assert_eq!(names(&app.nobody().get(&path).send().await.expect(200)), [5]);
    app.end().await;
}
