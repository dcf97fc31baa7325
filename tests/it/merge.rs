//! Claimed: two who turn out to have one unionid become one person by fixed rules, in one step, whatever happens at the same
//! moment, and nothing of theirs is lost or doubled.

use crate::{
    support::{
        app::{APPS, TestApp},
        client::{Answer, User},
        shop::id,
    },
    upload::{Store, files, upload},
};
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{
    model::time::minutes,
    service::{event, figure},
};

const HERE: &str = APPS[0].0;
const THERE: &str = APPS[1].0;

async fn sign_in(app: &TestApp, appid: &str, name: &str) -> Answer {
    let code = app.simulator.js_code(appid, name).expect("code");
    app.nobody().post("/v1/login").json(&json!({ "appid": appid, "code": code })).send().await
}

/// Somebody who signed in before the first mini-program was bound, and a moment later in the second, which is.
async fn twice(app: &TestApp, name: &str) -> (User, User) {
    let here = app.buyer_in(HERE, name).await;
    app.spoil(&format!("UPDATE users SET unionid = NULL WHERE id = {}", id(&here.signed_in["user"]))).await;
    app.advance(Duration::from_millis(5));
    let there = app.buyer_in(THERE, name).await;
    assert_ne!(here.signed_in["user"]["id"], there.signed_in["user"]["id"]);
    (here, there)
}

async fn list(user: &User, path: &str) -> Vec<Value> {
    let all = user.get(path).send().await.expect(200);
    all.as_array().or(all["items"].as_array()).expect("a list").clone()
}

#[tokio::test]
async fn two_become_one_by_the_rules_and_nothing_is_lost() {
    let app = TestApp::new().await;
    let (goods, more) = (app.goods(1_000, 50).await, app.goods(500, 50).await);
    let (here, there) = twice(&app, "ann").await;
    let put = async |user: &User, sku: &str, qty: i64| {
        user.put(&format!("/v1/cart/items/{sku}")).json(&json!({ "qty": qty })).send().await.expect(200)
    };
    let (paid, _) = app.paid_order(&here, &goods, 1).await;
    put(&here, &goods.sku_id, 2).await;
    let code = app.simulator.phone_code(THERE, "ann").expect("code");
    let phone = there.post("/v1/me/phone").json(&json!({ "code": code })).send().await.expect(200)["phone"].clone();
    let avatar = upload(&app, Store::Directory, &there, "avatar", "image/png", &files::png(9, 9)).await;
    let body = json!({ "nickname": "安妮", "avatar_url": avatar["url"] });
    there.put("/v1/me").json(&body).send().await.expect(200);
    let key = "a-key-of-the-one-who-goes";
    let body = json!({ "lines": [{ "sku_id": more.sku_id, "qty": 1 }], "address_id": there.address().await });
    let pending = there.post("/v1/orders").key(key).json(&body).send().await.expect(201);
    put(&there, &goods.sku_id, 5).await;
    put(&there, &more.sku_id, 3).await;
    event::move_facts(&app.app).await.expect("moved");
    figure::catch_up(&app.app).await.expect("counted");
    let figures = app.rows().dump().await.remove("figure_counts");

    let one = sign_in(&app, HERE, "ann").await.expect(200);
    assert_eq!(one["user"]["id"], here.signed_in["user"]["id"], "whoever was there first stays");
    let profile = json!({ "id": one["user"]["id"], "nickname": "安妮", "avatar_url": avatar["url"], "phone": phone });
    assert_eq!(one["user"], profile);
    there.get("/v1/me").send().await.expect_problem(401, "token.revoked");
    assert_eq!(here.get("/v1/me").send().await.expect(200), profile, "who stays is not signed out");
    let orders: Vec<_> = list(&here, "/v1/orders").await.iter().map(|order| order["id"].clone()).collect();
    assert_eq!(orders, [pending["id"].clone(), paid["id"].clone()]);
    let addresses = list(&here, "/v1/addresses").await;
    let defaults = addresses.iter().filter(|address| address["is_default"] == true).count();
    assert_eq!((addresses.len(), defaults), (2, 1));
    let mut cart: Vec<_> =
        list(&here, "/v1/cart").await.iter().map(|item| (item["sku_id"].to_string(), item["qty"].clone())).collect();
    cart.sort_by_key(|(sku, _)| sku.clone());
    let mut expected = [(json!(goods.sku_id).to_string(), json!(5)), (json!(more.sku_id).to_string(), json!(3))];
    expected.sort_by_key(|(sku, _)| sku.clone());
    assert_eq!(cart, expected);
    let shown = app.nobody().get(avatar["url"].as_str().expect("an address")).send().await;
    assert_eq!(shown.status, 200);

    // Where it was ordered it can be paid, and the same request once more is the same order.
    let again = User::new(&app.nobody(), &sign_in(&app, THERE, "ann").await.expect(200));
    assert_eq!(again.signed_in["user"]["id"], one["user"]["id"]);
    let same = again.post("/v1/orders").key(key).json(&body).send().await.expect(201);
    assert_eq!(same["id"], pending["id"]);
    app.pay(&again, &pending).await;
    assert_eq!(again.see(&pending).await["state"], "paid");
    let audited = app.rows().texts("SELECT detail FROM audit WHERE action = 'user.merge'").await;
    let gone = there.signed_in["user"]["id"].clone();
    assert_eq!(audited, [json!({ "merged": gone, "orders": 1, "sign_ins": 1 }).to_string()]);
    let row =
        app.rows().texts("SELECT CONCAT_WS(' ', id, state, merged_into) FROM users WHERE state = 'deleted'").await;
    assert_eq!(row, [format!("{} deleted {}", id(&there.signed_in["user"]), id(&one["user"]))]);
    assert_eq!(app.rows().dump().await.remove("figure_counts"), figures);
    app.run_jobs().await;
    app.end().await;
}

/// Whoever tells of it, the first one stays.
#[tokio::test]
async fn the_younger_one_finds_that_it_was_there_before() {
    let app = TestApp::new().await;
    let (here, there) = twice(&app, "ann").await;
    // The older one carries the unionid, the younger one none.
    let (old, young) = (id(&here.signed_in["user"]).to_owned(), id(&there.signed_in["user"]).to_owned());
    let unionid = app.rows().texts(&format!("SELECT unionid FROM users WHERE id = {young}")).await.remove(0);
    app.spoil(&format!("UPDATE users SET unionid = NULL WHERE id = {young}")).await;
    app.spoil(&format!("UPDATE users SET unionid = '{unionid}' WHERE id = {old}")).await;
    let body = json!({ "nickname": "先", "avatar_url": "" });
    here.put("/v1/me").json(&body).send().await.expect(200);
    let body = json!({ "nickname": "后", "avatar_url": "" });
    there.put("/v1/me").json(&body).send().await.expect(200);
    let one = sign_in(&app, THERE, "ann").await.expect(200);
    assert_eq!((one["user"]["id"].as_str(), &one["user"]["nickname"]), (Some(old.as_str()), &json!("先")));
    assert_eq!(app.number("SELECT COUNT(DISTINCT user_id) FROM identities").await, 1);
    app.end().await;
}

#[tokio::test]
async fn who_is_disabled_stays_so_and_nothing_moves() {
    let app = TestApp::new().await;
    let (here, there) = twice(&app, "ann").await;
    app.spoil(&format!("UPDATE users SET state = 'disabled' WHERE id = {}", id(&there.signed_in["user"]))).await;
    let before = app.rows().dump().await;
    sign_in(&app, HERE, "ann").await.expect_problem(403, "user.disabled");
    sign_in(&app, THERE, "ann").await.expect_problem(403, "user.disabled");
    assert_eq!(app.rows().dump().await, before);
    here.get("/v1/me").send().await.expect(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_and_orders_at_the_same_moment_end_with_one_person_and_every_order() {
    let app = TestApp::crowded().await;
    let goods = app.goods(100, 1_000).await;
    let mut placed = 0;
    for round in 0..8 {
        let name = format!("ann{round}");
        let (here, there) = twice(&app, &name).await;
        let address = there.address().await;
        let (one, two, three, order, cart) = futures_util::join!(
            sign_in(&app, HERE, &name),
            sign_in(&app, THERE, &name),
            sign_in(&app, HERE, &name),
            there.order_to(&address, &goods, 1),
            here.put(&format!("/v1/cart/items/{}", goods.sku_id)).json(&json!({ "qty": 1 })).send(),
        );
        for answer in [&one, &two, &three] {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        assert_eq!(cart.status, 200, "{}", cart.text);
        let user = User::new(&app.nobody(), &sign_in(&app, HERE, &name).await.expect(200));
        assert_eq!(user.signed_in["user"]["id"], here.signed_in["user"]["id"]);
        let orders = list(&user, "/v1/orders").await.len();
        assert_eq!(orders, usize::from(order.status == 201), "{}", order.text);
        placed += orders;
        assert_eq!(list(&user, "/v1/addresses").await.len(), 1);
    }
    println!("{placed} orders were placed");
    let of_nobody = "SELECT COUNT(*) FROM orders o JOIN users u ON u.id = o.user_id WHERE u.state = 'deleted'";
    assert_eq!(app.number(of_nobody).await, 0);
    assert_eq!(app.number("SELECT COUNT(*) FROM audit WHERE action = 'user.merge'").await, 8);
    assert_eq!(app.number("SELECT COUNT(*) FROM users WHERE state <> 'deleted'").await, 8);
    app.run_jobs().await;
    app.end().await;
}

/// Who goes takes along what was told under the name it had before.
#[tokio::test]
async fn who_goes_after_it_goes_as_both() {
    let app = TestApp::new().await;
    let (_, there) = twice(&app, "ann").await;
    let told = json!({ "source": "an-installation", "sent_ms": app.app.now().0, "events": [{ "id": "event-number-1",
        "kind": "search", "occurred_ms": app.app.now().0, "name": "words of Ann" }] });
    there.post("/v1/events").json(&told).send().await.expect(200);
    let one = User::new(&app.nobody(), &sign_in(&app, HERE, "ann").await.expect(200));
    assert_eq!(app.number("SELECT COUNT(*) FROM event_log WHERE name = 'words of Ann'").await, 1);
    one.delete("/v1/me").send().await.expect(204);
    app.run_jobs().await;
    assert_eq!(app.number("SELECT COUNT(*) FROM event_log WHERE name = 'words of Ann'").await, 0);
    app.advance(minutes(20));
    app.run_jobs().await;
    app.end().await;
}
