//! Who may come in now: the place of a request among those of its class, before its body is read and its token looked at.
//!
//! A place is for work. It is not held while a client sends its body, which may take as long as the client likes, nor by
//! what waits in a line of its own, and what is answered at its first glance, from memory, holds it for a moment only and is
//! not measured.

use super::{class::Operation, extract::read_body, problem::Problem};
use crate::app::{App, Class, Gate, Permit, random_number};
use axum::{
    Router,
    body::{Body, HttpBody as _},
    extract::{DefaultBodyLimit, Request},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};
use tower::ServiceExt;

/// How long the client waits for its answer, if it says so, in milliseconds.
const TIMEOUT: &str = "x-timeout-ms";

/// Let a request in when there is a place for it, and measure how long it takes.
pub(super) async fn pass(
    app: App,
    router: Router,
    operation: Option<&'static Operation>,
    request: Request,
) -> Result<Response, Infallible> {
    let Some(operation) = operation else { return router.oneshot(request).await };
    if operation.streamed {
        return router.oneshot(request).await;
    }
    let gate = app.gates.of(operation.class);
    let is_plain = operation.class == Class::Vital || request.body().is_end_stream();
    let (request, permit) = match is_plain.then(|| gate.try_enter()).flatten() {
        Some(permit) => (request, permit),
        // On the heap: those who come straight in do not carry the room for waiting.
        None => match Box::pin(wait(&app, gate, request)).await {
            Ok(inside) => inside,
            Err(problem) => return Ok(problem.into_response()),
        },
    };
    let mut work = pin!(router.oneshot(request));
    if let Poll::Ready(response) = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
        return response;
    }
    if operation.lined {
        drop(permit);
        return work.await;
    }
    let began = Instant::now();
    let response = work.await;
    gate.note(began.elapsed());
    drop(permit);
    response
}

/// With the body read, and after a while in line.
async fn wait(app: &App, gate: &Arc<Gate>, mut request: Request) -> Result<(Request, Permit), Problem> {
    if gate.is_full() {
        gate.refuse();
        return Err(busy());
    }
    let began = Instant::now();
    if !request.body().is_end_stream() {
        let bytes_max = app.config.server.body_bytes_max;
        if length(request.headers()).is_some_and(|length| length > bytes_max) {
            return Err(Problem::of("http.body_too_large"));
        }
        let mut body = Request::new(std::mem::take(request.body_mut()));
        DefaultBodyLimit::max(bytes_max).apply(&mut body);
        *request.body_mut() = Body::from(read_body(body, app).await?);
    }
    let deadline = patience(request.headers()).map(|all| all.saturating_sub(began.elapsed()));
    let permit = gate.enter(deadline).await.ok_or_else(busy)?;
    Ok((request, permit))
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn patience(headers: &HeaderMap) -> Option<Duration> {
    headers.get(TIMEOUT)?.to_str().ok()?.parse().ok().map(Duration::from_millis)
}

/// Those who are refused at the same moment do not come back at the same moment.
fn busy() -> Problem {
    Problem::of("server.busy").retry_after(1 + random_number(3))
}
