//! Settings are changed while the shop runs: by the rules of the start, under a version, with a history, on every node.

use crate::support::{
    app::{Setup, TestApp},
    client::{Answer, User},
    full,
    node::Deployment,
    servers::process::free_port,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use weizhan::model::{
    staff::Permission,
    time::{Timestamp, minutes},
};

async fn change(clerk: &User, name: &str, version: i64, value: Value) -> Answer {
    let body = json!({ "version": version, "value": value });
    clerk.put(&format!("/admin/v1/settings/{name}")).json(&body).send().await
}

async fn clerk(app: &TestApp) -> User {
    app.staff(&[Permission::SettingWrite, Permission::SettingRead]).await
}

#[tokio::test]
async fn a_change_holds_for_the_next_order_and_can_be_taken_back() {
    let app = TestApp::new().await;
    let (clerk, ann, goods) = (clerk(&app).await, app.buyer("ann").await, app.goods(1_000, 9).await);
    let terms = async || {
        let order = ann.order(&goods, 1).await.expect(201);
        let life = order["expires_ms"].as_i64().unwrap() - order["created_ms"].as_i64().unwrap();
        (Timestamp(life).since(Timestamp(0)), order["total_fen"].as_i64().unwrap())
    };
    assert_eq!(terms().await, (minutes(30), 1_000));
    let first = change(&clerk, "order.unpaid_minutes", 0, json!(5)).await.expect(200);
    assert_eq!((&first["value"], &first["default"], &first["version"]), (&json!(5), &json!(30), &json!(1)));
    change(&clerk, "order.freight_fen", 0, json!(600)).await.expect(200);
    assert_eq!(terms().await, (minutes(5), 1_600));
    let stale = change(&clerk, "order.unpaid_minutes", 0, json!(7)).await.expect_problem(409, "setting.changed");
    assert!(stale["detail"].as_str().unwrap().contains("version 1"));
    let back = change(&clerk, "order.unpaid_minutes", 1, json!(null)).await.expect(200);
    assert_eq!((&back["value"], &back["version"]), (&json!(30), &json!(0)));
    assert_eq!(terms().await, (minutes(30), 1_600));
    let list = clerk.get("/admin/v1/settings").send().await.expect(200);
    let changed: Vec<_> = list["items"].as_array().unwrap().iter().filter(|one| one["version"] != 0).collect();
    assert_eq!((changed.len(), &changed[0]["name"]), (1, &json!("order.freight_fen")));
    let history = clerk.get("/admin/v1/settings/order.unpaid_minutes/history").send().await.expect(200);
    let history: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|one| (one["version"].clone(), one["value"].clone())).collect();
    assert_eq!(history, [(json!(3), json!(null)), (json!(1), json!(5))]);
    assert_eq!(app.number("SELECT COUNT(*) FROM audit WHERE action = 'setting.change'").await, 3);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn what_the_rules_forbid_is_refused_with_its_key_and_changes_nothing() {
    let app = TestApp::new().await;
    let clerk = clerk(&app).await;
    for (name, value) in [
        ("order.unpaid_minutes", json!(0)),
        ("order.unpaid_minutes", json!(10_081)),
        ("order.unpaid_minutes", json!("5")),
        ("order.freight_fen", json!(-1)),
        ("pay.late_payment", json!("keep")),
        ("log.filter", json!("weizhan=loud")),
    ] {
        let problem = change(&clerk, name, 0, value.clone()).await.expect_problem(422, "setting.unfit");
        assert!(problem["detail"].as_str().unwrap().starts_with(name), "{name} = {value}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], "/value");
    }
    for name in ["auth.token_key", "order", "x"] {
        change(&clerk, name, 0, json!("x")).await.expect_problem(404, "setting.not_found");
        let history = clerk.get(&format!("/admin/v1/settings/{name}/history")).send().await;
        history.expect_problem(404, "setting.not_found");
    }
    assert_eq!(app.number("SELECT version FROM settings_head").await, 0);
    assert_eq!(app.number("SELECT COUNT(*) FROM setting_changes").await, 0);
    app.end().await;
}

#[tokio::test]
async fn a_row_that_this_version_cannot_use_is_passed_over() {
    let app = TestApp::new().await;
    let clerk = clerk(&app).await;
    change(&clerk, "order.unpaid_minutes", 0, json!(5)).await.expect(200);
    change(&clerk, "order.freight_fen", 0, json!(600)).await.expect(200);
    app.spoil("UPDATE settings SET value = '\"many\"' WHERE name = 'order.unpaid_minutes'").await;
    let database_url = Some(app.app.config.database.url.expose().to_owned());
    let other = TestApp::with(Setup { database_url, ..Setup::default() }).await;
    let live = other.app.settings.now();
    assert_eq!((live.live.order.unpaid_minutes, live.live.order.freight_fen), (30, 600));
    let list = clerk.get("/admin/v1/settings").send().await.expect(200);
    let all = list["items"].as_array().expect("a list");
    let shown = all.iter().find(|setting| setting["name"] == "order.unpaid_minutes").expect("it is listed");
    assert_eq!(shown["value"], 30, "staff see what holds");
    other.end().await;
    app.end().await;
}

/// Real nodes with real clocks, and nothing between them but the database: no hint can arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_on_every_node_within_two_seconds() {
    let shop = Deployment::new().await;
    let ports = [shop.port, free_port(), free_port()];
    let mut nodes = vec![shop.serve()];
    nodes.extend(ports[1..].iter().map(|port| shop.serve_alongside(*port)));
    let owner = shop.owner().await;
    let (mut version, mut longest) = (0, Duration::ZERO);
    for round in 0..if full() { 100 } else { 4 } {
        let body = json!({ "version": version, "on": round % 2 == 0 });
        let changed = owner.put("/admin/v1/flags/x").json(&body).send().await.expect(200);
        version = changed["version"].as_i64().unwrap();
        let began = Instant::now();
        for port in ports {
            let node = shop.nobody_at(port);
            while node.get("/v1/flags").send().await.expect(200)["version"] != version {
                assert!(began.elapsed() < Duration::from_mins(1), "round {round}: it never arrives at {port}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        longest = longest.max(began.elapsed());
    }
    println!("a change was on all of 3 nodes after {longest:?} at most");
    if full() {
        assert!(longest <= Duration::from_secs(2), "{longest:?}");
    }
    for mut node in nodes {
        assert!(node.terminate().success(), "{}", node.log());
    }
}
