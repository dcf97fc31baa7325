//! How often a caller may call, and what it is told of that.
//!
//! Headers: `RateLimit` and `RateLimit-Policy` as the IETF's draft has them since its version 8
//! (draft-ietf-httpapi-ratelimit-headers), and `RateLimit-Limit`, `-Remaining`, `-Reset` as up to version 7, which is what
//! clients in use read.

use super::problem::Problem;
use crate::app::{App, Caller, Limited, Standing};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use std::{cell::Cell, future::Future};

tokio::task_local! {
    /// How the caller of the request at hand stands under the limit of its route.
    static STANDING: Cell<Option<Standing>>;
}

/// Count a call against a limit.
pub(super) async fn limit(app: &App, limited: Limited, caller: Caller) -> Result<(), Problem> {
    match app.limits.check(limited, caller).await {
        Ok(standing) => {
            // Outside a route that tells, nobody asks.
            let _ = STANDING.try_with(|told| told.set(standing.filter(|_| limited.is_strict()).or(told.get())));
            Ok(())
        }
        Err(too_many) => Err(Problem::too_many(&too_many)),
    }
}

/// The layer of a route with a limit of its own: each of its answers says how the caller stands.
pub(super) fn told(request: Request, next: Next) -> impl Future<Output = Response> + Send {
    STANDING.scope(Cell::new(None), async move {
        let mut response = next.run(request).await;
        if let Some(standing) = STANDING.with(Cell::get) {
            write(response.headers_mut(), &standing);
        }
        response
    })
}

/// Say how a caller stands.
pub(super) fn write(headers: &mut HeaderMap, standing: &Standing) {
    let Standing { limited, limit, remaining, reset } = standing;
    // Rounded up: whoever waits so long finds it.
    let (name, seconds) = (limited.as_str(), reset.as_millis().div_ceil(1_000));
    for (header, text) in [
        ("ratelimit-policy", format!("\"{name}\";q={limit};w=60")),
        ("ratelimit", format!("\"{name}\";r={remaining};t={seconds}")),
        ("ratelimit-limit", limit.to_string()),
        ("ratelimit-remaining", remaining.to_string()),
        ("ratelimit-reset", seconds.to_string()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(HeaderName::from_static(header), value);
        }
    }
}
