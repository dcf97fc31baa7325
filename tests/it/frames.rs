//! Claimed: floods of HTTP/2 frames end the connection that they come on and nothing else, and whoever is connected when
//! the node stops is told to leave. Shown with frames written by hand (RFC 9113).

use crate::support::app::{Setup, TestApp};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// `:method GET`, `:scheme http`, `:path /`, from HPACK's table, and `:authority shop`.
const GET: &[u8] = b"\x82\x86\x84\x41\x04shop";
/// The peer behaves as if it wanted to do harm.
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A connection on which both sides have said their settings.
fn greet(app: &TestApp) -> TcpStream {
    let mut stream = TcpStream::connect(app.base.trim_start_matches("http://")).unwrap();
    for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        set(&stream, Some(Duration::from_secs(30))).unwrap();
    }
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(SETTINGS, ACK, 0, &[])].concat()).unwrap();
    stream
}

/// The next frame: what it is, its flags, its stream and its payload; `None` at the end of the connection.
fn next(stream: &mut TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    let mut payload = vec![0; number(&head[..3]) as usize];
    stream.read_exact(&mut payload).ok()?;
    Some((head[3], head[4], number(&head[5..]), payload))
}

/// Why the node sent the peer away; `None` when it just hung up.
fn farewell(stream: &mut TcpStream) -> Option<u32> {
    while let Some((kind, _, _, payload)) = next(stream) {
        if kind == GOAWAY {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
    }
    None
}

async fn app() -> TestApp {
    let overrides = vec![
        ("server.header_timeout_ms", "1000".to_owned()),
        ("server.body_timeout_ms", "1000".to_owned()),
        ("server.drain_ms", "100".to_owned()),
    ];
    TestApp::with(Setup { overrides, ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let app = app().await;
    let mut stream = greet(&app);
    let both = |id: u32| {
        let reset = frame(RST_STREAM, 0, id, &8_u32.to_be_bytes());
        [frame(HEADERS, END_STREAM | END_HEADERS, id, GET), reset].concat()
    };
    // A million would be as many as it lets itself be sent.
    let sent = (0..20_000).step_by(500).take_while(|first| {
        let flood: Vec<u8> = (*first..first + 500).flat_map(|number| both(number * 2 + 1)).collect();
        stream.write_all(&flood).is_ok()
    });
    let sent = sent.count();
    let told = farewell(&mut stream);
    assert!(told.is_none_or(|told| told == ENHANCE_YOUR_CALM) && (sent < 40 || told.is_some()), "{told:?} {sent}");
    app.nobody().get("/v1/products").send().await.expect(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_without_end_ends_the_connection() {
    let app = app().await;
    let mut stream = greet(&app);
    stream.write_all(&frame(HEADERS, END_STREAM, 1, GET)).unwrap();
    // A literal header that is not indexed, again and again.
    let part =
        frame(CONTINUATION, 0, 1, &b"\x00\x01x\x7f\x81\x00".iter().copied().chain([b'x'; 256]).collect::<Vec<_>>());
    let flood = part.repeat(100);
    let sent = (0..1_000).take_while(|_| stream.write_all(&flood).is_ok()).count();
    assert!(sent < 1_000, "26 MB of one head were taken");
    app.nobody().get("/v1/products").send().await.expect(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_in_floods_are_not_collected() {
    let app = app().await;
    let mut stream = greet(&app);
    let flood = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(1_000);
    // Nothing is read: what the node has to acknowledge stays with it, and it must not read on for ever.
    let sent = (0..2_000).take_while(|_| stream.write_all(&flood).is_ok()).count();
    assert!(sent < 2_000, "30 MB of settings were taken");
    app.nobody().get("/v1/products").send().await.expect(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_speaks_http2_is_told_when_the_node_stops() {
    let app = app().await;
    let mut stream = greet(&app);
    stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, GET)).unwrap();
    while let Some((kind, flags, id, _)) = next(&mut stream) {
        if id == 1 && kind != HEADERS && flags & END_STREAM > 0 {
            break;
        }
    }
    let closing = std::thread::spawn(move || farewell(&mut stream));
    app.end().await;
    assert_eq!(closing.join().unwrap(), Some(0), "no error, and no more requests");
}
