//! What the trace of a request says. Off, it is one comparison.

use crate::telemetry::trace;
use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode},
};
use tracing::Span;

/// What a traced request needs; nothing when traces are off.
pub(super) struct Trace(Option<Traced>);

struct Traced {
    route: String,
    /// The caller's `traceparent`.
    caller: Option<HeaderValue>,
}

impl Trace {
    /// That of a request to this route.
    pub(super) fn of(request: &Request, route: &str) -> Self {
        let caller = || request.headers().get("traceparent").cloned();
        Self(trace::is_on().then(|| Traced { route: route.to_owned(), caller: caller() }))
    }
    /// Whether there is one.
    pub(super) const fn is_on(&self) -> bool {
        self.0.is_some()
    }
    /// Name the span by the route, below the caller's.
    pub(super) fn adopt(&self, span: &Span, method: &Method) {
        if let Some(Traced { route, caller }) = &self.0 {
            let caller = caller.as_ref().and_then(|caller| caller.to_str().ok());
            trace::adopt(span, method.as_str(), route, caller);
        }
    }
    /// It was answered so.
    pub(super) fn end(&self, span: Option<&Span>, status: StatusCode) {
        if let (Some(_), Some(span)) = (&self.0, span) {
            trace::end(span, status);
        }
    }
}
