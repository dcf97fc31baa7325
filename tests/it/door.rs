//! What every request passes: size, form, address, method, and how often it may come.

use crate::support::{
    app::{APPS, Setup, TestApp},
    client::{Answer, Client},
};
use serde_json::{Value, json};

fn sign_in() -> Value {
    json!({ "appid": APPS[0].0, "code": "no-such-code" })
}

#[tokio::test]
async fn a_body_has_a_size_and_a_form() {
    let app = TestApp::new().await;
    let max = app.app.config.server.body_bytes_max;
    let post = |kind: &str, body: Vec<u8>| {
        let request = app.nobody().post("/v1/login").body(body);
        if kind.is_empty() { request } else { request.header("content-type", kind) }
    };
    let padded = |length: usize| {
        let mut body = sign_in().to_string().into_bytes();
        body.resize(length, b' ');
        body
    };
    post("application/json", padded(max)).send().await.expect_problem(422, "wechat.code_invalid");
    post("Application/JSON; charset=utf-8", padded(100)).send().await.expect_problem(422, "wechat.code_invalid");
    post("application/json", padded(max + 1)).send().await.expect_problem(413, "http.body_too_large");
    for kind in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data"] {
        post(kind, padded(100)).send().await.expect_problem(415, "http.not_json");
    }
    let twice = format!("{0}{0}", sign_in());
    for broken in ["", "{", "{\"appid\":}", &twice, "{\"appid\":\"a\",}", "\u{feff}{}"] {
        post("application/json", broken.into()).send().await.expect_problem(400, "http.json_malformed");
    }
    app.end().await;
}

#[tokio::test]
async fn a_problem_says_what_and_where_and_names_its_request() {
    let app = TestApp::new().await;
    let answer = app.nobody().get("/v1/nothing/here?x=1").send().await;
    let named = answer.headers["x-request-id"].to_str().unwrap().to_owned();
    for (header, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ] {
        assert_eq!(answer.headers[header], value, "{header}");
    }
    let expected = json!({
        "type": "urn:weizhan:problem:http.not_found", "title": "Not Found", "status": 404, "code": "http.not_found",
        "detail": "there is nothing at this address", "instance": "/v1/nothing/here", "request_id": named,
    });
    assert_eq!(answer.expect_problem(404, "http.not_found"), expected);
    let wrong = app.nobody().delete("/v1/login").send().await;
    assert_eq!(wrong.headers["allow"], "POST");
    wrong.expect_problem(405, "http.method_not_allowed");
    let unsigned = app.nobody().get("/v1/me").send().await;
    assert_eq!(unsigned.headers["www-authenticate"], "Bearer");
    unsigned.expect_problem(401, "token.missing");
    app.end().await;
}

/// An application in which one thing may be done so many times a minute.
async fn limited(name: &'static str, times: u32) -> TestApp {
    TestApp::with(Setup { overrides: vec![(name, times.to_string())], ..Setup::default() }).await
}

#[track_caller]
fn too_many(answer: Answer) {
    let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().expect("whole seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    answer.expect_problem(429, "limit.too_many");
}

#[tokio::test]
async fn whoever_calls_too_often_is_told_when_to_come_back() {
    let app = limited("limits.login_per_ip_per_minute", 2).await;
    for _ in 0..2 {
        app.nobody().post("/v1/login").json(&sign_in()).send().await.expect_problem(422, "wechat.code_invalid");
    }
    too_many(app.nobody().post("/v1/login").json(&sign_in()).send().await);
    too_many(app.nobody().post("/v1/token/refresh").json(&json!({ "refresh_token": "x" })).send().await);
    // Other things may still be done, also from there.
    app.nobody().get("/v1/products").send().await.expect(200);
    app.end().await;

    let app = limited("limits.staff_sign_in_per_ip_per_minute", 1).await;
    let body = json!({ "name": "nobody", "password": "guessed" });
    app.nobody().post("/admin/v1/sign-in").json(&body).send().await.expect_problem(401, "staff.sign_in_wrong");
    too_many(app.nobody().post("/admin/v1/sign-in").json(&body).send().await);
    app.end().await;

    let app = limited("limits.per_ip_per_minute", 3).await;
    for _ in 0..3 {
        app.nobody().get("/v1/products").send().await.expect(200);
    }
    too_many(app.nobody().get("/v1/products").send().await);
    // Machines that watch, and WeChat, are never told to come back later.
    app.nobody().get("/healthz").send().await.expect(200);
    assert_ne!(app.nobody().post("/callback/wechat/pay").send().await.status, 429);
    app.end().await;
}

#[tokio::test]
async fn a_user_is_counted_by_who_it_is() {
    let app = limited("limits.order_per_user_per_minute", 2).await;
    let (goods, ann, bob) = (app.goods(100, 9).await, app.buyer("ann").await, app.buyer("bob").await);
    ann.order(&goods, 1).await.expect(201);
    ann.order(&goods, 1).await.expect(201);
    too_many(ann.order(&goods, 1).await);
    bob.order(&goods, 1).await.expect(201);
    app.end().await;

    let app = limited("limits.phone_per_user_per_minute", 1).await;
    let ann = app.buyer("ann").await;
    let body = json!({ "code": "no-such-code" });
    ann.post("/v1/me/phone").json(&body).send().await.expect_problem(422, "wechat.code_invalid");
    too_many(ann.post("/v1/me/phone").json(&body).send().await);
    app.end().await;

    let app = limited("limits.per_user_per_minute", 2).await;
    let (ann, bob) = (app.buyer("ann").await, app.buyer("bob").await);
    ann.get("/v1/me").send().await.expect(200);
    ann.get("/v1/me").send().await.expect(200);
    too_many(ann.get("/v1/me").send().await);
    bob.get("/v1/me").send().await.expect(200);
    app.end().await;
}

#[tokio::test]
async fn only_a_listed_proxy_is_believed_about_addresses() {
    let from = |client: Client, addresses: &'static str| async move {
        client.post("/v1/login").header("x-forwarded-for", addresses).json(&sign_in()).send().await.status.as_u16()
    };
    for (proxies, statuses) in [("[\"127.0.0.1\"]", [422, 429, 422, 429]), ("[\"10.0.0.1\"]", [422, 429, 429, 429])] {
        let overrides =
            vec![("limits.login_per_ip_per_minute", "1".to_owned()), ("server.trusted_proxies", proxies.to_owned())];
        let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
        let mut found = Vec::new();
        // The proxy writes the last entry; what stands before it came from the client.
        for addresses in ["198.51.100.1", "203.0.113.9, 198.51.100.1", "198.51.100.2", "198.51.100.1, 198.51.100.2"] {
            found.push(from(app.nobody(), addresses).await);
        }
        assert_eq!(found, statuses, "{proxies}");
        app.end().await;
    }
}
