//! Flags and settings are changed by staff, keep their history, and reach every node.

use crate::support::{
    app::{APPS, Setup, TestApp},
    client::User,
};
use serde_json::{Value, json};
use weizhan::model::staff::Permission;

async fn clerk(app: &TestApp) -> User {
    app.staff(&[Permission::FlagWrite, Permission::SettingRead]).await
}

async fn on(client: &crate::support::client::Client, query: &str) -> Vec<String> {
    let answer = client.get(&format!("/v1/flags{query}")).send().await.expect(200);
    serde_json::from_value(answer["on"].clone()).unwrap()
}

async fn put(clerk: &User, name: &str, body: Value) -> i64 {
    let flag = clerk.put(&format!("/admin/v1/flags/{name}")).json(&body).send().await.expect(200);
    flag["version"].as_i64().unwrap()
}

#[tokio::test]
async fn a_flag_goes_its_way_from_a_few_to_everybody() {
    let app = TestApp::new().await;
    let (clerk, ann) = (clerk(&app).await, app.buyer("ann").await);
    let openid = app.rows().texts("SELECT openid FROM identities").await[0].clone();
    assert_eq!(on(&ann, "").await, [""; 0]);
    let first = put(&clerk, "new_cart", json!({ "version": 0, "on": true, "percent": 0, "openids": [openid] })).await;
    assert_eq!(on(&ann, "").await, ["new_cart"], "on this node at once");
    assert_eq!(on(&app.nobody(), "").await, [""; 0]);
    let body = json!({ "version": first, "on": true, "percent": 100, "version_min": "1.4" });
    let second = put(&clerk, "new_cart", body.clone()).await;
    assert_eq!(on(&ann, "").await, [""; 0], "who does not say its version is in no range");
    assert_eq!(on(&ann, "?version=1.4.2").await, ["new_cart"]);
    assert_eq!(on(&app.nobody(), "?version=1.3.9").await, [""; 0]);
    let stale = clerk.put("/admin/v1/flags/new_cart").json(&body).send().await.expect_problem(409, "flag.changed");
    assert!(stale["detail"].as_str().unwrap().contains(&second.to_string()));
    let there = json!({ "version": 0, "on": true });
    clerk.put("/admin/v1/flags/new_cart").json(&there).send().await.expect_problem(409, "flag.changed");
    let body = json!({ "version": second, "on": true, "appids": [APPS[1].0] });
    let third = put(&clerk, "new_cart", body).await;
    assert_eq!(on(&ann, "").await, [""; 0]);
    assert_eq!(on(&app.nobody(), &format!("?appid={}", APPS[1].0)).await, ["new_cart"]);
    put(&clerk, "new_cart", json!({ "version": third, "on": false })).await;
    clerk.delete("/admin/v1/flags/new_cart").send().await.expect(204);
    clerk.delete("/admin/v1/flags/new_cart").send().await.expect_problem(404, "flag.not_found");
    let history = clerk.get("/admin/v1/flags/new_cart/history").send().await.expect(200);
    let history: Vec<_> = history["items"].as_array().unwrap().iter().map(|one| one["rule"]["on"].clone()).collect();
    assert_eq!(history, [Value::Null, json!(false), json!(true), json!(true), json!(true)]);
    clerk.get("/admin/v1/flags/other/history").send().await.expect_problem(404, "flag.not_found");
    // A flag that comes back is another version than any before.
    let again = put(&clerk, "new_cart", json!({ "version": 0, "on": true })).await;
    assert!(again > third + 2);
    let audited = app.rows().numbers("SELECT COUNT(*) FROM audit WHERE target = 'flag:new_cart'").await;
    assert_eq!(audited, [6]);
    app.end().await;
}

#[tokio::test]
async fn what_is_no_flag_is_refused() {
    let app = TestApp::new().await;
    let (clerk, ann) = (clerk(&app).await, app.buyer("ann").await);
    for (body, pointer) in [
        (json!({ "version": 0 }), "/on"),
        (json!({ "version": 0, "on": true, "percent": 101 }), "/percent"),
        (json!({ "version": 0, "on": true, "percent": 1.5 }), "/percent"),
        (json!({ "version": 0, "on": true, "version_min": "v1" }), "/version_min"),
        (json!({ "version": -1, "on": true }), "/version"),
        (json!({ "version": 0, "on": true, "who": [] }), "/who"),
        (json!({ "version": 0, "on": true, "openids": [""] }), "/openids/0"),
    ] {
        let problem = clerk.put("/admin/v1/flags/x").json(&body).send().await.expect_problem(422, "http.invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let empty = json!({ "version": 0, "on": true, "version_min": "2", "version_max": "1.9" });
    clerk.put("/admin/v1/flags/x").json(&empty).send().await.expect_problem(422, "flag.range_empty");
    let body = json!({ "version": 0, "on": true });
    clerk.put("/admin/v1/flags/X").json(&body).send().await.expect_problem(404, "http.not_found");
    for (query, pointer) in [("version=1.x", "version"), ("device=short", "device"), ("appid=", "appid"), ("a=1", "a")]
    {
        let problem = ann.get(&format!("/v1/flags?{query}")).send().await.expect_problem(422, "http.invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    app.nobody().with_token("bad").get("/v1/flags").send().await.expect_problem(401, "token.invalid");
    assert_eq!(app.number("SELECT COUNT(*) FROM flags").await, 0);
    app.end().await;
}

#[tokio::test]
async fn a_change_reaches_every_node_at_its_next_look_when_the_hint_is_lost() {
    let app = TestApp::new().await;
    let clerk = clerk(&app).await;
    let mut nodes = Vec::new();
    for number in 1..3 {
        let database_url = Some(app.app.config.database.url.expose().to_owned());
        let overrides = vec![("node.id", number.to_string())];
        nodes.push(TestApp::with(Setup { overrides, database_url, ..Setup::default() }).await);
    }
    put(&clerk, "new_cart", json!({ "version": 0, "on": true })).await;
    for node in &nodes {
        // No hint was rung there, and nobody looks by himself in a test.
        assert_eq!(on(&node.nobody(), "").await, [""; 0]);
        assert!(node.app.refresh_settings().await.unwrap());
        assert_eq!(on(&node.nobody(), "").await, ["new_cart"]);
        assert!(!node.app.refresh_settings().await.unwrap(), "nothing new");
    }
    // A node that starts later has it from the beginning.
    let database_url = Some(app.app.config.database.url.expose().to_owned());
    let late = TestApp::with(Setup { database_url, ..Setup::default() }).await;
    assert_eq!(on(&late.nobody(), "").await, ["new_cart"]);
    late.end().await;
    for node in nodes {
        node.end().await;
    }
    app.end().await;
}
