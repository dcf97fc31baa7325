//! One request of a tour and its answer.

use super::TourTarget;
use reqwest::{Method, StatusCode, header};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a request without an answer, or one that came too early, waits before it is sent again.
const PAUSE: Duration = Duration::from_millis(100);

/// Which of the two servers is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Shop,
    Wechat,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    side: Side,
    pub(super) method: Method,
    pub(super) path: String,
    token: Option<String>,
    key: Option<String>,
    pub(super) body: Option<Value>,
    once: bool,
    look: Option<Box<Ask>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// `null` when the body is empty, a string when it is not JSON.
    pub(super) body: Value,
    pub(super) tries: u32,
}

/// The server is away: whether it did what was asked is not known.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
pub(super) struct NoAnswer(#[source] reqwest::Error);

impl Ask {
    fn new(side: Side, method: Method, path: impl Into<String>) -> Self {
        Self { side, method, path: path.into(), token: None, key: None, body: None, once: false, look: None }
    }
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Side::Shop, Method::GET, path)
    }
    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new(Side::Shop, Method::POST, path)
    }
    pub(super) fn put(path: impl Into<String>) -> Self {
        Self::new(Side::Shop, Method::PUT, path)
    }
    /// Of the simulator.
    pub(super) fn of_wechat(self) -> Self {
        Self { side: Side::Wechat, ..self }
    }
    pub(super) fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }
    /// As this person.
    pub(super) fn bearer(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }
    /// With an Idempotency-Key.
    pub(super) fn key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }
    /// Never sent again as it is: what it carries is good for one use.
    pub(super) fn once(self) -> Self {
        Self { once: true, ..self }
    }
    /// When a repetition is answered "conflict", the first one may have arrived after all: then the answer of this
    /// one shows whether it did.
    pub(super) fn or_look(self, look: Self) -> Self {
        Self { look: Some(Box::new(look)), ..self }
    }

    /// Send it; again while there is no answer, as long as the target allows, and again when the server says "later".
    pub(super) async fn send(&self, http: &reqwest::Client, target: &TourTarget) -> Result<Answer, NoAnswer> {
        let began = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            let pause = match self.try_once(http, target).await {
                Ok((status, later, body)) => {
                    let later = later.filter(|pause| began.elapsed() + *pause < target.patience);
                    match (&self.look, later) {
                        (_, Some(pause)) => pause,
                        (Some(look), None) if tries > 1 && status == StatusCode::CONFLICT => {
                            return Box::pin(look.send(http, target)).await;
                        }
                        _ => return Ok(Answer { status, body, tries }),
                    }
                }
                Err(_) if !self.once && began.elapsed() < target.retry => PAUSE,
                Err(error) => return Err(NoAnswer(error)),
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Status, how long to wait when told to come later, body.
    async fn try_once(
        &self,
        http: &reqwest::Client,
        target: &TourTarget,
    ) -> Result<(StatusCode, Option<Duration>, Value), reqwest::Error> {
        let base = match self.side {
            Side::Shop => &target.api,
            Side::Wechat => &target.simulator,
        };
        let url = format!("{}{}", base.as_str().trim_end_matches('/'), self.path);
        let mut request = http.request(self.method.clone(), url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &self.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        let reply = request.send().await?;
        let status = reply.status();
        let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let later = reply.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let later = later.filter(|_| busy && !self.once).map(|seconds| Duration::from_secs(seconds).max(PAUSE));
        let text = reply.text().await?;
        let body = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        };
        Ok((status, later, body))
    }
}
