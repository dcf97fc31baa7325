//! The generator: HTTP/1.1 over kept-alive connections, one request at a time on each, bounded in time and in count.
//!
//! It reads just enough of an answer to find its end, so that one core of it outpaces the server on another.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use std::{
    cell::{Cell, RefCell},
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// How long a round may outlast its time: the last answers are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The status of a server that has too much to do.
const BUSY: u16 = 503;

/// Gives the next request; `None` when there are no more.
pub type Source<'a> = Box<dyn FnMut() -> Option<Bytes> + 'a>;

/// What one round came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Answers per second, refusals not among them.
    pub rate: f64,
    /// How many were answered.
    pub answered: u64,
    /// How many of those were told to come back: 503.
    pub refused: u64,
    /// 99 of 100 were answered within this.
    pub p99_us: u32,
    /// How many had another status than they should, and one of those.
    pub wrong: (u64, Option<String>),
}

/// A request as it goes over the wire.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Bytes {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    if !body.is_empty() {
        text.extend(["content-type: application/json\r\ncontent-length: ", &body.len().to_string(), "\r\n"]);
    }
    text += "\r\n";
    [text.as_bytes(), body].concat().into()
}

/// One question outside any measurement.
pub async fn ask(port: u16, request: &[u8], expected: u16) -> anyhow::Result<serde_json::Value> {
    let mut connection = Connection::open(port).await?;
    let status = connection.ask(request).await?;
    let body = connection.body.clone();
    if status != expected {
        bail!("{status} instead of {expected}: {}", String::from_utf8_lossy(&body));
    }
    if body.is_empty() { Ok(serde_json::Value::Null) } else { Ok(serde_json::from_slice(&body)?) }
}

/// Ask on so many connections until the time is over or the source is dry.
pub async fn drive(
    port: u16,
    connections: usize,
    source: Source<'_>,
    expected: u16,
    time: Duration,
) -> anyhow::Result<Outcome> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(port).await?);
    }
    let (source, wrong, refused) = (RefCell::new(source), RefCell::new((0, None)), Cell::new(0_u64));
    let began = Instant::now();
    let each = open.into_iter().map(|mut connection| {
        let (source, wrong, refused) = (&source, &wrong, &refused);
        async move {
            let mut latencies: Vec<u32> = Vec::new();
            while began.elapsed() < time {
                let Some(request) = (source.borrow_mut())() else { break };
                let sent = Instant::now();
                let status = connection.ask(&request).await?;
                latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                if status == BUSY {
                    refused.set(refused.get() + 1);
                } else if status != expected {
                    let mut wrong = wrong.borrow_mut();
                    wrong.0 += 1;
                    let text = || format!("{status}: {}", String::from_utf8_lossy(connection.body()));
                    wrong.1.get_or_insert_with(text);
                }
            }
            anyhow::Ok(latencies)
        }
    });
    let all = tokio::time::timeout(time + PATIENCE, futures_util::future::join_all(each)).await;
    let elapsed = began.elapsed();
    let mut latencies = Vec::new();
    for one in all.context("the server does not answer")? {
        latencies.extend(one?);
    }
    latencies.sort_unstable();
    let answered = latencies.len() as u64;
    let p99_us = latencies.get(latencies.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = answered.saturating_sub(refused.get()) as f64 / elapsed.as_secs_f64();
    Ok(Outcome { rate, answered, refused: refused.get(), p99_us, wrong: wrong.into_inner() })
}

/// A kept-alive connection, for one request at a time.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Of the last answer.
    body: Vec<u8>,
}

impl Connection {
    /// Connect.
    pub async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024], body: Vec::new() })
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Send a request, read its answer, give the status.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                bail!("the server hung up, or its answer is too long for this generator");
            }
            filled += read;
            let answer = &self.buffer[..filled];
            let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
            let (status, length) = read_head(&answer[..head])?;
            if filled >= head + 4 + length {
                self.body.clear();
                self.body.extend_from_slice(&answer[head + 4..head + 4 + length]);
                return Ok(status);
            }
        }
    }
}

/// Status and length of the body.
fn read_head(head: &[u8]) -> anyhow::Result<(u16, usize)> {
    let head = std::str::from_utf8(head)?;
    let status = head.get(9..12).context("a status line")?.parse()?;
    for line in head.split("\r\n").skip(1) {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            return Ok((status, value.parse()?));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("an answer without a length");
        }
    }
    Ok((status, 0))
}
