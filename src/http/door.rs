//! What every request passes: its name and origin, limits, time-out, panics, problems, headers of the answer.

use super::{
    extract::Origin,
    gate,
    limit::limit,
    problem::{Problem, render},
};
use crate::{
    app::{App, Caller, Limited},
    telemetry::RequestId,
};
use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use std::{
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The one layer around all routes.
pub(super) async fn pass(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let origin = Origin { ip: client_ip(&app, &request), id: RequestId::random() };
    strip(request.headers_mut());
    request.extensions_mut().insert(origin.clone());
    let (method, path, version) = (request.method().clone(), request.uri().path().to_owned(), request.version());
    let span = tracing::info_span!("request", id = %origin.id, %method, path);
    let response = within_limits(app.clone(), &origin, request, next).instrument(span.clone()).await;
    let mut response = render(response, &path, origin.id.as_str());
    answer_headers(response.headers_mut(), &origin.id);
    if app.stopping().is_cancelled() && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status = response.status().as_u16(), micros, ip = %origin.ip, "answered"));
    response
}

async fn within_limits(app: App, origin: &Origin, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    // WeChat's addresses change and its notices must arrive; the health of a node is asked by machines.
    let unlimited = path.starts_with("/callback/") || path == "/healthz" || path == "/readyz";
    if !unlimited && let Err(problem) = limit(&app, Limited::Address, Caller::at(origin.ip)).await {
        return problem.into_response();
    }
    let patience = Duration::from_millis(app.config.server.handler_timeout_ms);
    let inside = app.clone();
    let work = AssertUnwindSafe(async move { gate::pass(&inside, request, next).await }).catch_unwind();
    let outcome = if app.guards.finish_abandoned {
        // A client that hangs up drops this future. The work runs in a task of its own and is only awaited here, so that
        // what writes ends in a commit or an undo and never in between. What reads too: a statement that is dropped
        // while the database prepares it leaves sqlx waiting for the rest of another answer, and the connection never
        // comes back to the pool.
        let task = app.spawn(work);
        tokio::time::timeout(patience, task).await.map(|ended| ended.ok().and_then(Result::ok))
    } else {
        tokio::time::timeout(patience, work).await.map(Result::ok)
    };
    match outcome {
        Ok(Some(response)) => response,
        Ok(None) => {
            tracing::error!("a handler panicked");
            Problem::of("server.fault").into_response()
        }
        Err(_) => Problem::of("server.timeout").retry_after(1).into_response(),
    }
}

/// The address of the client: the peer, or what a listed proxy says of it.
fn client_ip(app: &App, request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_canonical());
    let peer = peer.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    if !app.config.server.trusted_proxies.contains(&peer) {
        return peer;
    }
    // The rightmost entry is the one that the proxy itself wrote.
    let forwarded =
        request.headers().get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|list| list.rsplit(',').next()).and_then(|ip| ip.trim().parse::<IpAddr>().ok());
    last.map_or(peer, |ip| ip.to_canonical())
}

/// Headers by which WeChat Cloud Run names the user: anybody can send them here, so they go.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("x-wx-")).cloned().collect();
    for name in named {
        headers.remove(name);
    }
}

fn answer_headers(headers: &mut HeaderMap, id: &RequestId) {
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'"));
}
