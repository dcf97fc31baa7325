//! A question over HTTP and its answer: to the shop, or to the simulator's control interface.

use anyhow::{Context as _, bail};
use reqwest::{Method, RequestBuilder, Url};
use serde_json::Value;
use std::time::Duration;

/// Somebody who answers.
#[derive(Debug, Clone)]
pub(super) struct Door {
    http: reqwest::Client,
    base: String,
}

/// A question.
pub(super) struct Ask {
    what: String,
    request: RequestBuilder,
}

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    what: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// `null` when there is none, a text when it is not JSON.
    pub(super) body: Value,
}

impl Door {
    pub(super) fn new(base: &Url) -> anyhow::Result<Self> {
        // A new connection each time: one that is kept would die with the server that the matrix kills.
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .user_agent(concat!("weizhan-chaos/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, base: base.as_str().trim_end_matches('/').to_owned() })
    }

    /// The beginning of every address there.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    fn ask(&self, method: Method, path: &str) -> Ask {
        let what = format!("{method} {path}");
        Ask { what, request: self.http.request(method, format!("{}{path}", self.base)) }
    }
    pub(super) fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, path)
    }
    pub(super) fn post(&self, path: &str) -> Ask {
        self.ask(Method::POST, path)
    }
    pub(super) fn put(&self, path: &str) -> Ask {
        self.ask(Method::PUT, path)
    }
}

impl Ask {
    /// As this person.
    pub(super) fn token(self, token: &str) -> Self {
        Self { request: self.request.bearer_auth(token), ..self }
    }
    /// With an Idempotency-Key.
    pub(super) fn key(self, key: &str) -> Self {
        Self { request: self.request.header("Idempotency-Key", key), ..self }
    }
    pub(super) fn json(self, body: &Value) -> Self {
        Self { request: self.request.json(body), ..self }
    }
    /// Send it once.
    pub(super) async fn send(self) -> anyhow::Result<Answer> {
        let reply = self.request.send().await.with_context(|| format!("{} is not answered", self.what))?;
        let status = reply.status().as_u16();
        let text = reply.text().await.with_context(|| format!("the answer to {} broke off", self.what))?;
        let body = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        };
        Ok(Answer { what: self.what, status, body })
    }
}

impl Answer {
    /// Whether it is a 2xx.
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
    /// The body, if the answer is a 2xx.
    pub(super) fn good(self) -> anyhow::Result<Value> {
        if self.is_good() {
            return Ok(self.body);
        }
        bail!("{} was answered {} {}", self.what, self.status, self.body)
    }
}

/// A text within a body; empty when it is none.
pub(super) fn text<'a>(body: &'a Value, pointer: &str) -> &'a str {
    body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A whole number within a body; the smallest of all when it is none, which equals no amount.
pub(super) fn number(body: &Value, pointer: &str) -> i64 {
    body.pointer(pointer).and_then(Value::as_i64).unwrap_or(i64::MIN)
}

/// A list within a body; empty when it is none.
pub(super) fn list<'a>(body: &'a Value, pointer: &str) -> &'a [Value] {
    body.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
