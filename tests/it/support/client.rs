//! A client of the HTTP API, as a mini-program or a dashboard would be.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How long whoever is answered "later", or not at all, tries again. Only a broken server takes it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Talks to one application.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// A request that is being put together.
pub struct Request(RequestBuilder);

/// An answer that was read.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Client {
    /// A client without a token.
    pub fn new(http: reqwest::Client, base: &str) -> Self {
        Self { http, base: base.to_owned(), token: None }
    }
    /// The same client with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }
    /// Begin a request.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let mut builder = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            builder = builder.bearer_auth(token);
        }
        Request(builder)
    }
    /// GET.
    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }
    /// POST.
    pub fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }
    /// PUT.
    pub fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }
    /// DELETE.
    pub fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }
}

impl Request {
    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }
    /// With a raw body.
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.body(body))
    }
    /// With a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }
    /// With an idempotency key.
    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }
    /// With an idempotency key that nobody used.
    pub fn new_key(self) -> Self {
        self.key(&new_key())
    }
    /// Send it and read the answer.
    pub async fn send(self) -> Answer {
        self.try_send().await.expect("an answer")
    }
    /// Send it; the body of the answer has not been read.
    pub async fn fetch(self) -> reqwest::Result<reqwest::Response> {
        self.0.send().await
    }
    /// Send it; there may be no answer.
    pub async fn try_send(self) -> reqwest::Result<Answer> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }
}

/// A key that nobody used.
pub fn new_key() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("key-of-a-test-{:010}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Send until there is an answer that is one: not none, and not "later".
pub async fn until_answered(request: impl Fn() -> Request) -> Answer {
    let began = Instant::now();
    loop {
        match request().try_send().await {
            Ok(answer) if answer.status.as_u16() != 503 => return answer,
            outcome => assert!(began.elapsed() < PATIENCE, "{outcome:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Answer {
    /// The body as JSON, if the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { serde_json::from_str(&self.text).expect("JSON") }
    }
    /// The problem, if it is this one.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Value {
        let kind = self.headers.get("content-type").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(kind.as_deref(), Some("application/problem+json"));
        problem
    }
    /// The body as JSON, whatever the status; null when it is none.
    pub fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
    /// The `code` of a problem, or nothing.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.text).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Somebody who has signed in.
#[derive(Clone)]
pub struct User {
    /// The client with the token.
    pub client: Client,
    /// The answer to signing in.
    pub signed_in: Value,
}

impl User {
    /// From the answer to signing in.
    pub fn new(client: &Client, signed_in: &Value) -> Self {
        let client = client.with_token(signed_in["access_token"].as_str().expect("a token"));
        Self { client, signed_in: signed_in.clone() }
    }
    /// The refresh token.
    pub fn refresh_token(&self) -> &str {
        self.signed_in["refresh_token"].as_str().expect("a token")
    }
}

impl std::ops::Deref for User {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}
