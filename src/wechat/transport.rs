//! One HTTP exchange with WeChat: time-outs, no redirects, a cap on the body.

use super::{Error, ErrorKind};
use axum::http::{HeaderMap, StatusCode};
use std::time::Duration;
use tracing::Instrument as _;

/// No answer of WeChat but a file comes near this; more is an attack or a mistake.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What came back, whatever its status.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The one client of the process. Redirects are not followed, because a signature or a token would follow them to
/// an address nobody chose. A proxy is not taken from the environment: settings come from the configuration.
pub(super) fn client() -> Result<reqwest::Client, Error> {
    reqwest::Client::builder()
        .user_agent(concat!("weizhan/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(3))
        .pool_idle_timeout(Duration::from_secs(30))
        .build()
        .map_err(|error| Error::transport("settings", error))
}

/// Sends and reads the whole body. Every failure to do so is [`ErrorKind::Busy`]: nobody knows what WeChat did.
pub(super) async fn send(operation: &'static str, request: reqwest::RequestBuilder) -> Result<Reply, Error> {
    send_up_to(operation, request, BODY_BYTES_MAX).await
}

/// The same with another cap on the body, for files.
pub(super) async fn send_up_to(
    operation: &'static str,
    request: reqwest::RequestBuilder,
    body_bytes_max: usize,
) -> Result<Reply, Error> {
    let span = tracing::debug_span!("wechat.call", otel.kind = "client", operation);
    exchange(operation, request, body_bytes_max).instrument(span).await
}

async fn exchange(
    operation: &'static str,
    request: reqwest::RequestBuilder,
    body_bytes_max: usize,
) -> Result<Reply, Error> {
    let broken = |error| Error::transport(operation, error);
    let mut response = request.send().await.map_err(broken)?;
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(broken)? {
        if body.len() + part.len() > body_bytes_max {
            return Err(Error::new(operation, ErrorKind::Busy, "body_too_large"));
        }
        body.extend_from_slice(&part);
    }
    Ok(Reply { status: response.status(), headers: std::mem::take(response.headers_mut()), body })
}

/// `base` and a path below it. `segments` are percent-encoded; a path of the base itself is kept.
pub(super) fn address(base: &url::Url, segments: &[&str]) -> url::Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_base_and_escapes_its_segments() {
        let base = |text: &str| url::Url::parse(text).expect("url");
        assert_eq!(address(&base("https://a.b"), &["v3", "c"]).as_str(), "https://a.b/v3/c");
        assert_eq!(address(&base("http://a.b:1/x/"), &["v3", "c/d?e"]).as_str(), "http://a.b:1/x/v3/c%2Fd%3Fe");
    }
}
