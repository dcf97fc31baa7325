//! Claimed: when more comes than can be carried, the rest is told so at once, before its body is read; callbacks and health
//! are not; and nobody holds a place by being slow. Shown with few places, all of them taken by the test.

use crate::support::app::{Setup, TestApp};
use reqwest::Method;
use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};
use tokio::task::JoinSet;
use weizhan::app::{Class, Permit};

/// An application with two places for money and for browsing.
async fn small() -> TestApp {
    let overrides = vec![
        ("database.connections_max", "2".to_owned()),
        ("overload.requests_per_connection", "1".to_owned()),
        ("server.body_timeout_ms", "2000".to_owned()),
    ];
    TestApp::with(Setup { overrides, ..Setup::default() }).await
}

/// All places of a class.
fn occupy(app: &TestApp, class: Class) -> Vec<Permit> {
    std::iter::from_fn(|| app.app.gates.of(class).try_enter()).collect()
}

/// All places of a class, and its line.
async fn fill(app: &TestApp, class: Class) -> (Vec<Permit>, JoinSet<Option<Permit>>) {
    let (places, mut line) = (occupy(app, class), JoinSet::new());
    for _ in &places {
        let gate = app.app.gates.of(class).clone();
        line.spawn(async move { gate.enter(None).await });
    }
    while !app.app.gates.of(class).is_full() {
        tokio::task::yield_now().await;
    }
    (places, line)
}

fn connect(app: &TestApp) -> TcpStream {
    let stream = TcpStream::connect(app.base.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_finds_no_room_is_told_when_to_come_back() {
    let app = small().await;
    let filled = fill(&app, Class::Browse).await;
    let mut waits = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let answer = app.nobody().get("/v1/products").send().await;
        waits.insert(answer.headers["retry-after"].to_str().unwrap().to_owned());
        answer.expect_problem(503, "server.busy");
    }
    assert_eq!(waits.into_iter().collect::<Vec<_>>(), ["1", "2", "3"]);
    let counts = app.app.gates.of(Class::Browse).counts();
    assert_eq!((counts.refused, counts.waiting), (40, counts.limit));
    // Others are not held up, and least of all WeChat and those who watch.
    app.nobody().post("/v1/login").json(&json!({})).send().await.expect_problem(422, "http.invalid");
    for (method, path) in [(Method::GET, "/healthz"), (Method::GET, "/readyz"), (Method::POST, "/callback/wechat/pay")]
    {
        assert_ne!(app.nobody().request(method, path).send().await.status, 503, "{path}");
    }
    drop(filled);
    app.nobody().get("/v1/products").send().await.expect(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_memory_holds_is_answered_although_no_place_is_left() {
    let app = small().await;
    let goods = app.goods(100, 5).await;
    let known = format!("/v1/products/{}", goods.product_id);
    let paths = [&known, "/v1/products/404", "/v1/products?limit=3&q=T", "/v1/products", "/v1/categories"];
    let ask = async |path: &str| {
        let mut answer = app.nobody().get(path).send().await;
        for changing in ["x-request-id", "date"] {
            assert!(answer.headers.remove(changing).is_some(), "{changing}");
        }
        let mut body = answer.body();
        if let Some(problem) = body.as_object_mut() {
            problem.remove("request_id");
        }
        (answer.status, answer.headers, body)
    };
    let mut from_handlers = Vec::new();
    for path in paths {
        from_handlers.push(ask(path).await);
    }
    let filled = fill(&app, Class::Browse).await;
    for (path, expected) in paths.into_iter().zip(from_handlers) {
        assert_eq!(ask(path).await, expected, "{path}");
    }
    app.nobody().get("/v1/products?limit=4").send().await.expect_problem(503, "server.busy");
    assert_eq!(app.nobody().request(Method::HEAD, &known).send().await.status, 503, "a handler answers HEAD");
    drop(filled);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_come_before_the_body_and_the_token_are_looked_at() {
    let app = small().await;
    let filled = fill(&app, Class::Money).await;
    let mut stream = connect(&app);
    // Nothing of the body is ever sent.
    let head = "POST /v1/orders HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n";
    write!(stream, "{head}").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    drop(filled);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_is_waited_for_as_long_as_the_client_waits() {
    let app = small().await;
    let places = occupy(&app, Class::Browse);
    let asked = app.nobody().get("/v1/categories").header("x-timeout-ms", "0").send().await;
    asked.expect_problem(503, "server.busy");
    let patient = app.nobody();
    let patient = app.app.spawn(async move { patient.get("/v1/categories").send().await });
    while app.app.gates.of(Class::Browse).counts().waiting == 0 {
        tokio::task::yield_now().await;
    }
    drop(places);
    patient.await.unwrap().expect(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sends_its_body_slowly_holds_no_place() {
    let app = small().await;
    let mut slow: Vec<_> = (0..20).map(|_| connect(&app)).collect();
    for stream in &mut slow {
        let head =
            "POST /v1/login HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{";
        write!(stream, "{head}").unwrap();
    }
    // All of them are being served before anybody else comes.
    for _ in 0..3 {
        app.buyer("ann").await;
    }
    assert_eq!(app.app.gates.of(Class::Money).counts().queued, 0);
    for stream in &mut slow {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
    }
    assert_eq!(app.app.gates.of(Class::Money).counts().in_flight, 0);
    app.end().await;
}
