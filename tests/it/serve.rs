//! Claimed: a node starts only with secrets of its own, stops without losing a request, does not wait for those who
//! send nothing, says whether it can serve, and carries a whole purchase.
//!
//! Shown: with `weizhan serve` as a process where starting and stopping is the matter; slow and many connections, with
//! sockets of our own, against the same accept loop in this process.

use crate::support::{
    Backend,
    app::{Setup, TestApp},
    backend,
    client::Client,
    node::Deployment,
    proxy::Proxy,
    servers::{self, Folder, ServerProcess, wait_until},
};
use serde_json::json;
use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use weizhan::cli::tour;

#[test]
fn every_secret_that_is_missing_or_a_sample_is_told_at_once() {
    let folder = Folder::new("refused");
    let refused = |arguments: &[&str]| {
        let mut node = ServerProcess::weizhan(arguments, &[], folder.path());
        assert_eq!(node.wait().code(), Some(2), "{}", node.log());
        node.log()
    };
    let told = refused(&["serve"]);
    for key in ["database.url", "auth.token_key", "privacy.data_key", "pay.merchant_key", "pay.api_v3_key"] {
        assert!(told.contains(&format!("  {key}: is not set")), "{key} in {told}");
    }
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/example.toml");
    let text = std::fs::read_to_string(example).unwrap();
    // Its secrets come from files, which are not there; the samples of those who copy a text stand here.
    let url = "WEIZHAN__DATABASE__URL=mysql://weizhan:change-me@127.0.0.1:3306/weizhan";
    assert!(text.contains("_file"), "the example names files");
    let (name, value) = url.split_once('=').unwrap();
    let samples = [(name, value), ("WEIZHAN__AUTH__TOKEN_KEY", "change-me-change-me-change-me-change-me")];
    let mut node = ServerProcess::weizhan(&["serve"], &samples, folder.path());
    assert_eq!(node.wait().code(), Some(2));
    for key in ["database.url: is the sample", "auth.token_key: is a sample", "privacy.data_key: is not set"] {
        assert!(node.log().contains(key), "{key} in {}", node.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tour_holds_on_a_deployment() {
    let shop = Deployment::new().await;
    let mut node = shop.serve();
    shop.goods().await;
    let mut target = shop.tour(Duration::ZERO);
    target.alone = true;
    let mut said = Vec::new();
    let report = tour::run(&target, &mut said).await;
    let report = report.unwrap_or_else(|error| panic!("{error:#}\n{}", String::from_utf8_lossy(&said)));
    assert_eq!((report.total_fen, report.refunded_fen), (3_980, 1_990));
    assert!(node.terminate().success(), "{}", node.log());
    shop.succeed(&["verify"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_answers_what_is_under_way() {
    let mut shop = Deployment::new().await;
    // Longer than anybody here waits: whoever leaves does so because of what it was told.
    shop.set("server.drain_ms", "200000");
    shop.set("server.shutdown_timeout_ms", "300000");
    let mut node = shop.serve();
    let body = shop.code("ann").to_string();
    let mut slow = shop.connect().unwrap();
    let (head, tail) = body.split_at(body.len() / 2);
    let length = body.len();
    write!(slow, "POST /v1/login HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n").unwrap();
    write!(slow, "content-length: {length}\r\n\r\n{head}").unwrap();
    let mut busy = shop.connect().unwrap();
    assert!(!exchange(&mut busy, "/healthz").contains("connection: close"));
    node.signal("TERM");
    // Whoever keeps a connection is answered, and told to leave.
    assert!(wait_until(|| exchange(&mut busy, "/healthz").contains("connection: close")));
    assert_eq!(busy.read(&mut [0]).unwrap(), 0, "and the node closes it");
    assert_eq!(node.has_ended(), None, "somebody is not answered yet");
    write!(slow, "{tail}").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    assert!(node.wait().success(), "{}", node.log());
}

/// A node with a socket of its own has no successor that could answer who comes now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_drains_says_at_once_that_it_is_not_ready() {
    let overrides = vec![("server.drain_ms", "200000".to_owned()), ("server.shutdown_timeout_ms", "300000".to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let mut stays = connect(&app);
    exchange(&mut stays, "/healthz");
    let stopped = app.app.clone();
    let mut stop = JoinSet::new();
    stop.spawn(async move { stopped.shut_down().await });
    app.app.stopping().cancelled().await;
    let mut late = connect(&app);
    write!(late, "GET /readyz HTTP/1.1\r\nhost: shop\r\n\r\n").unwrap();
    let mut answer = String::new();
    late.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("connection: close"), "{answer}");
    drop((stays, late));
    stop.join_all().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_behind_a_socket_that_stays_loses_no_request() {
    let mut shop = Deployment::new().await;
    shop.set("server.drain_ms", "2000");
    shop.set("log.filter", "info");
    let socket = TcpListener::bind(("127.0.0.1", shop.port)).unwrap();
    let mut node = shop.serve_on(&socket);
    assert!(node.wait_ready(|| shop.is_ready()), "{}", node.log());
    let code = shop.code("ann");
    let signed_in = shop.nobody().post("/v1/login").json(&code).send().await.expect(200);
    let user = shop.nobody().with_token(signed_in["access_token"].as_str().unwrap());
    let (mut crowd, over) = (JoinSet::new(), CancellationToken::new());
    for number in 0..4 {
        crowd.spawn(keep_asking(user.clone(), number % 2 == 0, over.clone()));
    }
    for round in 1..=3 {
        // Two nodes for a moment, each with a number of its own, which it finds by itself.
        let mut next = shop.serve_on(&socket);
        // All of them write into one file.
        assert!(next.wait_ready(|| shop.log("sh").matches("serving").count() > round), "{}", node.log());
        assert!(node.terminate().success(), "{}", node.log());
        node = next;
    }
    over.cancel();
    let answered: usize = crowd.join_all().await.into_iter().sum();
    assert!(answered > 20, "only {answered} requests");
    assert!(node.terminate().success(), "{}", node.log());
}

/// Ask until it is over; each request must be answered well. How many were.
async fn keep_asking(user: Client, reads: bool, over: CancellationToken) -> usize {
    let address = json!({ "name": "王小明", "phone": "13800000000", "province": "浙江省", "city": "杭州市",
        "detail": "文三路 1 号" });
    let mut count = 0;
    while !over.is_cancelled() {
        if reads {
            user.get("/v1/me").send().await.expect(200);
        } else {
            let id = user.post("/v1/addresses").json(&address).send().await.expect(201)["id"].clone();
            user.delete(&format!("/v1/addresses/{}", id.as_str().unwrap())).send().await.expect(204);
        }
        count += 1;
    }
    count
}

/// Ask on a connection that stays open; the head and body of the answer.
fn exchange(stream: &mut TcpStream, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    // The bodies asked for here are one JSON object.
    while !answer.ends_with(b"}") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&answer));
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

fn connect(app: &TestApp) -> TcpStream {
    let stream = TcpStream::connect(app.base.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sends_nothing_is_not_waited_for() {
    let overrides = vec![("server.header_timeout_ms", "200".to_owned()), ("server.body_timeout_ms", "200".to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    for half in ["", "PRI * HTTP/2.0\r\n", "GET /healthz HT", "GET /healthz HTTP/1.1\r\nhost: shop\r\nx-slow: 1\r\n"] {
        let mut stream = connect(&app);
        write!(stream, "{half}").unwrap();
        let mut answer = String::new();
        // The end must come; a reset is one.
        match stream.read_to_string(&mut answer) {
            Ok(_) => assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "after {half:?}"),
        }
    }
    let mut idle = connect(&app);
    exchange(&mut idle, "/healthz");
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "nor is one kept that was answered and asks no more");
    let mut stream = connect(&app);
    let head = "POST /v1/login HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{";
    write!(stream, "{head}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("http.body_timeout"), "{answer}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_cap_wait_for_room() {
    let overrides = vec![("server.connections_max", "2".to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let (mut one, mut two, mut three) = (connect(&app), connect(&app), connect(&app));
    exchange(&mut one, "/healthz");
    exchange(&mut two, "/healthz");
    write!(three, "GET /healthz HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").unwrap();
    three.set_nonblocking(true).unwrap();
    for _ in 0..50 {
        exchange(&mut one, "/healthz");
        assert_eq!(three.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock, "there is no room for a third");
    }
    drop(two);
    three.set_nonblocking(false).unwrap();
    let mut answer = String::new();
    three.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(one);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_its_database_says_so_and_comes_back() {
    if backend() != Backend::Mariadb {
        return;
    }
    let mut shop = Deployment::new().await;
    let port = servers::mariadb().port();
    let proxy = Proxy::to(port).await;
    let url = shop.config().database.url.expose().replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
    shop.set("database.url", &url);
    shop.set("server.handler_timeout_ms", "500");
    let mut node = shop.serve();
    for fault in [Proxy::close, Proxy::black_hole] {
        fault(&proxy);
        shop.wait_ready(false);
        assert!(shop.ask("/readyz").unwrap().starts_with("HTTP/1.1 503"));
        assert!(shop.ask("/healthz").unwrap().starts_with("HTTP/1.1 200"), "the process is well");
        proxy.heal();
        proxy.cut();
        shop.wait_ready(true);
    }
    assert!(node.terminate().success(), "{}", node.log());
}
