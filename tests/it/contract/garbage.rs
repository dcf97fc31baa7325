//! Whatever is sent by whoever may send it, nothing breaks: no answer is a fault of ours.

use super::{
    access::{TABLE, Who},
    tried::World,
};
use crate::support::{
    client::{Answer, Client},
    full,
};
use serde_json::{Value, json};

/// Bodies that are nothing.
fn nothings() -> Vec<Vec<u8>> {
    let texts = [
        "",
        " ",
        "{",
        "}",
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "1e400",
        "[1,",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\\ud800\"}",
        "\u{0}",
        "{}{}",
        "{\"\":{}}",
        "{\"version\":9223372036854775808}",
        "NaN",
    ];
    let mut all: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(b"{\"name\":\"\xff\xfe\"}".to_vec());
    all.push("[".repeat(20_000).into_bytes());
    all.push("{\"a\":".repeat(20_000).into_bytes());
    all
}

/// The pointers of all values in a body.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| places(value, &format!("{here}/{key}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| places(value, &format!("{here}/{at}"), found));
        }
        _ => {}
    }
}

/// The body with each of its values replaced by each of these; by every second of them in a short run.
fn bent(body: &Value) -> Vec<Value> {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(""),
        json!("\u{0}'\";--"),
        json!("🧧%_!\\"),
        json!("x".repeat(30_000)),
        json!([]),
        json!({}),
        json!("9007199254740992"),
    ];
    let mut found = Vec::new();
    places(body, "", &mut found);
    let mut all = Vec::new();
    let step = if full() { 1 } else { 2 };
    for (number, place) in found.into_iter().enumerate() {
        for value in values.iter().skip(number % step).step_by(step) {
            let mut body = body.clone();
            *body.pointer_mut(&place).expect("a place in the body") = value.clone();
            all.push(body);
        }
    }
    all
}

#[track_caller]
fn stands(answer: &Answer, id: &str, sent: &dyn std::fmt::Debug) {
    let shown: String = format!("{sent:?}").chars().take(300).collect();
    assert!(!answer.status.is_server_error(), "{id} with {shown}: {} {}", answer.status, answer.text);
}

#[tokio::test]
async fn no_body_breaks_anything() {
    let world = World::new().await;
    let (owner, nobody) = (world.app.owner().await, world.app.nobody());
    for (id, who) in TABLE.iter().filter(|(id, _)| !id.ends_with("sign_out")) {
        let caller: &Client = match who {
            Who::Public | Who::Wechat => &nobody,
            Who::Buyer => &world.ann,
            Who::Staff(_) => &owner,
        };
        let mut call = world.call(id);
        let Some(body) = call.body.take() else { continue };
        for nothing in nothings() {
            let request = call.request(caller).header("content-type", "application/json").body(nothing.clone());
            let answer = request.send().await;
            stands(&answer, id, &String::from_utf8_lossy(&nothing));
            assert!(answer.status.is_client_error(), "{id} took {}", String::from_utf8_lossy(&nothing));
        }
        for body in bent(&body) {
            stands(&call.request(caller).json(&body).send().await, id, &body);
        }
    }
    world.app.run_jobs().await;
    world.end().await;
}

#[tokio::test]
async fn no_id_breaks_anything() {
    let world = World::new().await;
    let owner = world.app.owner().await;
    let ids = [
        "0",
        "-1",
        "01",
        "9007199254740992",
        "9223372036854775808",
        "x",
        "%00",
        "%ff",
        "1%2f2",
        "%2e%2e",
        "一",
        "1e3",
        "+1",
    ];
    for (id, who) in TABLE {
        let caller: &Client = if matches!(who, Who::Staff(_)) { &owner } else { &world.ann };
        let mut call = world.call(id);
        if !call.names_an_id() {
            continue;
        }
        for wrong in ids.iter().map(|id| (*id).to_owned()).chain([String::new(), "1".repeat(5_000)]) {
            call.path_id.clone_from(&wrong);
            let answer = call.send(caller).await;
            let refused = matches!(answer.status.as_u16(), 404 | 405 | 414);
            assert!(refused, "{id} of {wrong}: {} {}", answer.status, answer.text);
        }
    }
    world.end().await;
}

#[tokio::test]
async fn no_query_breaks_anything() {
    let world = World::new().await;
    let owner = world.app.owner().await;
    let lists: [(&str, &Client); 7] = [
        ("/v1/products", &world.ann),
        ("/v1/orders", &world.ann),
        ("/admin/v1/products", &owner),
        ("/admin/v1/orders", &owner),
        ("/admin/v1/refunds", &owner),
        ("/admin/v1/suspense", &owner),
        ("/admin/v1/differences", &owner),
    ];
    let wrong = [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1e2",
        "limit=9223372036854775808",
        "limit=1&limit=2",
        "cursor=x",
        "cursor=MQ",
        "cursor=%00",
        "cursor=Li4",
        "unknown=1",
        "state=sold",
        "sort=price",
        "=",
        "%ff=%ff",
    ];
    for (path, caller) in lists {
        for query in wrong.iter().map(|query| (*query).to_owned()).chain([format!("cursor={}", "x".repeat(101))]) {
            let answer = caller.get(&format!("{path}?{query}")).send().await;
            assert_eq!(answer.status, 422, "{path}?{query}: {}", answer.text);
            let pointer = answer.body()["errors"][0]["pointer"].clone();
            let name = query.split('=').next().unwrap_or_default();
            assert!(name.is_empty() || name.contains('%') || pointer == name, "{path}?{query}: {}", answer.text);
        }
        // Bounds of what a cursor can say: an empty page, or the first.
        for (value, id) in [(i64::MAX, i64::MAX), (i64::MIN, i64::MIN), (0, 0)] {
            let cursor = weizhan::model::page::Place { value, id }.to_cursor();
            caller.get(&format!("{path}?cursor={cursor}")).send().await.expect(200);
        }
    }
    world.end().await;
}
