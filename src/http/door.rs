//! What every request passes: its name and origin, limits, time-out, panics, problems, headers of the answer.

use super::{
    carried::Carried,
    class::{self, Operation},
    cloud,
    extract::Origin,
    gate, glance,
    limit::limit,
    measure,
    problem::{Problem, render},
    trace::Trace,
};
use crate::{
    app::{App, Caller, Limited},
    config::RequestLog,
    model::upload::SEND_TIME,
    telemetry::RequestId,
};
use axum::{
    Router,
    body::HttpBody as _,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    task::Poll,
    time::Duration,
};
use tracing::{Span, field::Empty};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A request that took longer is logged whatever became of it.
const SLOW: Duration = Duration::from_secs(1);

/// What is known of a request before anything is done for it.
struct Asked {
    id: RequestId,
    ip: IpAddr,
    method: Method,
    uri: Uri,
    trace: Trace,
}

impl Asked {
    /// What lines of the log about this request stand under. Made when it is needed: most requests say nothing.
    fn span(&self) -> Span {
        let span = tracing::info_span!("request", id = %self.id, method = %self.method, path = self.uri.path(),
            otel.kind = "server", otel.name = Empty, otel.status_code = Empty, http.response.status_code = Empty);
        self.trace.adopt(&span, &self.method);
        span
    }
}

/// Take a request in, have it answered, and finish the answer. All requests come this way, and no layer of the router
/// stands around it: what a hot copy is answered from costs less than one.
pub(super) async fn pass(app: App, router: Router, peer: SocketAddr, mut request: Request) -> Response {
    let (measured, version) = (measure::begin(&app, &request), request.version());
    let ip = cloud::admit(app.config.server.cloud_run, &mut request)
        .unwrap_or_else(|| client_ip(&app, &request, peer.ip().to_canonical()));
    let (method, uri, trace) = (request.method().clone(), request.uri().clone(), Trace::of(&request, measured.route()));
    let asked = Asked { id: RequestId::random(), ip, method, uri, trace };
    let mut span = None;
    let operation = class::of_route(measured.place(), &asked.method);
    let response = match at_once(&app, &asked, operation).await {
        Some(response) => response,
        // On the heap: what is answered at once does not carry the room for a handler.
        None => Box::pin(handled(&app, &asked, &mut span, (router, operation), request)).await,
    };
    let took = measured.end(&response);
    let mut response = render(response, asked.uri.path(), asked.id.as_str());
    answer_headers(response.headers_mut(), asked.id);
    if app.is_stopping() && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    asked.trace.end(span.as_ref(), response.status());
    log(&app, &asked, span, &response, took);
    response
}

/// The answer that needs no handler: a refusal, or a hot copy.
async fn at_once(app: &App, asked: &Asked, operation: Option<&'static Operation>) -> Option<Response> {
    if let Err(problem) = count(app, asked, operation).await {
        return Some(problem.into_response());
    }
    let glance = operation?.glance?;
    // A traced request has its span before anything is done.
    if asked.trace.is_on() {
        return None;
    }
    glance::answer(app, glance, &asked.method, &asked.uri).await
}

async fn handled(
    app: &App,
    asked: &Asked,
    span: &mut Option<Span>,
    (router, operation): (Router, Option<&'static Operation>),
    mut request: Request,
) -> Response {
    request.extensions_mut().insert(Origin { ip: asked.ip, id: asked.id });
    if !request.body().is_end_stream() {
        DefaultBodyLimit::max(app.config.server.body_bytes_max).apply(&mut request);
    }
    let work = gate::pass(app.clone(), router, operation, request);
    let mut work = Box::pin(AssertUnwindSafe(work).catch_unwind());
    // What waits for nobody needs no span and no clock.
    if !asked.trace.is_on()
        && let Poll::Ready(ended) = futures_util::poll!(&mut work)
    {
        return answered(asked, ended.ok());
    }
    // What is read piece by piece has a time of its own.
    let streamed = operation.is_some_and(|operation| operation.streamed);
    let patience = if streamed { SEND_TIME } else { Duration::from_millis(app.config.server.handler_timeout_ms) };
    let span = span.insert(asked.span());
    let outcome = if app.guards.finish_abandoned {
        tokio::time::timeout(patience, Carried::new(app, work, span.clone())).await.map(Result::ok)
    } else {
        tokio::time::timeout(patience, work).await.map(Result::ok)
    };
    match outcome {
        Ok(ended) => answered(asked, ended),
        Err(_) => Problem::of("server.timeout").retry_after(1).into_response(),
    }
}

/// Count the request against the limits that hold for everybody.
async fn count(app: &App, asked: &Asked, operation: Option<&'static Operation>) -> Result<(), Problem> {
    let path = asked.uri.path();
    // WeChat's addresses change and its notices must arrive; the health of a node is asked by machines.
    let unlimited = path.starts_with("/callback/") || path == "/healthz" || path == "/readyz";
    if !unlimited {
        limit(app, Limited::Address, Caller::at(asked.ip)).await?;
    }
    match operation {
        Some(operation) if app.limits.has(Limited::Route) => {
            limit(app, Limited::Route, Caller::All(operation.name.clone())).await
        }
        _ => Ok(()),
    }
}

/// The answer of a handler; `None` when it panicked.
fn answered(asked: &Asked, ended: Option<Result<Response, Infallible>>) -> Response {
    if let Some(Ok(response)) = ended {
        return response;
    }
    asked.span().in_scope(|| tracing::error!("a handler panicked"));
    Problem::of("server.fault").into_response()
}

/// One line for a request, if the settings want one for it.
fn log(app: &App, asked: &Asked, span: Option<Span>, response: &Response, took: Duration) {
    let status = response.status();
    let all = app.config.log.requests == RequestLog::All;
    if !all && !status.is_server_error() && took < SLOW {
        return;
    }
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let say = || tracing::info!(status = status.as_u16(), micros, ip = %asked.ip, "answered");
    span.unwrap_or_else(|| asked.span()).in_scope(say);
}

/// The address of the client: the peer, or what a listed proxy says of it.
fn client_ip(app: &App, request: &Request, peer: IpAddr) -> IpAddr {
    if !app.config.server.trusted_proxies.contains(&peer) {
        return peer;
    }
    // The rightmost entry is the one that the proxy itself wrote.
    let forwarded =
        request.headers().get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|list| list.rsplit(',').next()).and_then(|ip| ip.trim().parse::<IpAddr>().ok());
    last.map_or(peer, |ip| ip.to_canonical())
}

/// Headers of an answer that says nothing else about them.
const USUAL: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
];

fn answer_headers(headers: &mut HeaderMap, id: RequestId) {
    // Room for these and for what hyper adds, made once.
    headers.reserve(USUAL.len() + 3);
    for (name, value) in USUAL {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
}
