//! Claimed: whoever sends half a head, a body by the byte, heads too large, junk, nests of brackets or floods of HTTP/2
//! frames gets the right answer or none, and everybody else is served. Shown with sockets of our own, at the node itself
//! and not behind nginx.

use crate::support::{
    app::{Setup, TestApp},
    full,
};
use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// An application that waits for nobody for long.
async fn hasty(more: &[(&'static str, &str)]) -> TestApp {
    let mut overrides =
        vec![("server.header_timeout_ms", "1000".to_owned()), ("server.body_timeout_ms", "1000".to_owned())];
    overrides.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
    TestApp::with(Setup { overrides, ..Setup::default() }).await
}

fn address(app: &TestApp) -> SocketAddr {
    app.base.trim_start_matches("http://").parse().unwrap()
}

fn connect(app: &TestApp) -> TcpStream {
    let stream = TcpStream::connect(address(app)).unwrap();
    for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        set(&stream, Some(Duration::from_secs(30))).unwrap();
    }
    stream
}

/// All that the node says until it hangs up, which it must.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let (mut answer, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return answer,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind()) => return answer,
            Err(error) => panic!("the node does not hang up: {error}"),
        }
    }
}

/// Say this, which the node may cut short, and read what it answers.
fn say(app: &TestApp, bytes: &[u8]) -> String {
    let mut stream = connect(app);
    let _ = stream.write_all(bytes);
    String::from_utf8_lossy(&rest(&mut stream)).into_owned()
}

async fn is_well(app: &TestApp) {
    app.nobody().get("/v1/products").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_head_a_thousand_times_holds_nobody_up() {
    let app = hasty(&[]).await;
    let half = "GET /v1/products HTTP/1.1\r\nhost: shop\r\nx-slow: ";
    let mut slow: Vec<_> = (0..if full() { 2_000 } else { 200 }).map(|_| connect(&app)).collect();
    for stream in &mut slow {
        write!(stream, "{half}").unwrap();
    }
    is_well(&app).await;
    for mut stream in slow {
        assert!(!String::from_utf8_lossy(&rest(&mut stream)).starts_with("HTTP/1.1 2"));
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_and_bodies_too_large_are_told_so() {
    let app = hasty(&[]).await;
    let long = format!("GET /healthz HTTP/1.1\r\nhost: shop\r\nx-long: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert!(say(&app, long.as_bytes()).starts_with("HTTP/1.1 431"), "a head of 64 KB");
    let many = format!("GET /healthz HTTP/1.1\r\nhost: shop\r\n{}\r\n", "x-many: 1\r\n".repeat(1_000));
    assert!(say(&app, many.as_bytes()).starts_with("HTTP/1.1 431"), "a thousand headers");
    let path = format!("GET /{} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n", "x".repeat(20_000));
    assert!(say(&app, path.as_bytes()).starts_with("HTTP/1.1 404"), "as long as a head may be");
    let post = "POST /v1/login HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n";
    // None of the ten gigabytes is sent, nor waited for.
    let told = say(&app, format!("{post}content-length: 10000000000\r\n\r\n").as_bytes());
    assert!(told.starts_with("HTTP/1.1 413") && told.contains("http.body_too_large"), "{told}");
    let chunks =
        format!("{post}transfer-encoding: chunked\r\n\r\n{}", "1000\r\n".to_owned() + &"x".repeat(0x1000) + "\r\n");
    let endless = chunks.clone() + &chunks[chunks.find("1000\r\n").unwrap()..].repeat(200);
    assert!(say(&app, endless.as_bytes()).starts_with("HTTP/1.1 413"));
    is_well(&app).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_by_the_byte_ends_in_time() {
    let app = hasty(&[]).await;
    let mut stream = connect(&app);
    let head =
        "POST /v1/login HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n";
    write!(stream, "{head}").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut answer = [0; 12];
    // A byte each time the node has said nothing yet.
    while let Err(error) = stream.read_exact(&mut answer) {
        assert!([ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()), "{error}");
        stream.write_all(b" ").unwrap();
    }
    assert_eq!(&answer, b"HTTP/1.1 408");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_after_a_request_ends_the_connection_and_smuggles_nothing() {
    let app = hasty(&[]).await;
    let good = "GET /healthz HTTP/1.1\r\nhost: shop\r\n\r\n";
    for junk in [
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost : shop\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: shop\r\n folded: 1\r\n\r\n".to_owned(),
        "POST /v1/login HTTP/1.1\r\nhost: shop\r\ncontent-length: 5, 6\r\n\r\n".to_owned(),
        "POST /v1/login HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n".to_owned(),
    ] {
        let told = say(&app, format!("{good}{junk}{good}").as_bytes());
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        assert!(told.contains("HTTP/1.1 4"), "after {junk:?}: {told}");
        assert_eq!(told.matches("HTTP/1.1 200").count(), 1, "what follows junk is not a request: {told}");
    }
    is_well(&app).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brackets_a_hundred_thousand_deep_are_not_followed() {
    let app = hasty(&[]).await;
    let deep = "[".repeat(100_000);
    for body in [deep.clone(), format!("{{\"appid\":{deep}"), format!("{{\"x\":{deep}"), "{\"appid\":".repeat(25_000)] {
        let answer = app.nobody().post("/v1/login").header("content-type", "application/json").body(body).send().await;
        assert!([400, 422].contains(&answer.status.as_u16()), "{}", answer.text);
    }
    is_well(&app).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_so_many_connections_and_no_more() {
    let app = hasty(&[("server.connections_per_ip_max", "3"), ("server.trusted_proxies", "[]")]).await;
    let ask = |stream: &mut TcpStream| {
        let sent = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: shop\r\n\r\n");
        let mut answer = [0; 12];
        sent.is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"HTTP/1.1 200"
    };
    let mut own: Vec<_> = (0..3).map(|_| connect(&app)).collect();
    assert!(own.iter_mut().all(ask));
    assert!(!ask(&mut connect(&app)), "the fourth is closed without a word");
    drop(own.pop());
    assert!(crate::support::servers::wait_until(|| ask(&mut connect(&app))), "whose place is free again");
    drop(own);
    app.end().await;
    // A listed proxy speaks for many.
    let app = hasty(&[("server.connections_per_ip_max", "3")]).await;
    let mut many: Vec<_> = (0..9).map(|_| connect(&app)).collect();
    assert!(many.iter_mut().all(ask));
    drop(many);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_nothing_is_not_waited_for() {
    let app = hasty(&[("server.connections_max", "1")]).await;
    let mut deaf = connect(&app);
    deaf.set_nonblocking(true).unwrap();
    // Some megabytes of answers, more than the system keeps for a peer.
    let asked = b"GET /openapi.json HTTP/1.1\r\nhost: shop\r\n\r\n".repeat(300);
    let _ = deaf.write(&asked);
    // There is room for one connection: this one is served once the node has let go of the other.
    is_well(&app).await;
    drop(deaf);
    app.end().await;
}
