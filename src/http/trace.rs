//! What the trace of a request says. Off, it is one comparison.

use crate::telemetry::trace;
use axum::{
    extract::{MatchedPath, Request},
    http::StatusCode,
};
use tracing::Span;

/// Name the span of a request by its route, below the caller's.
pub(super) fn adopt(span: &Span, request: &Request) {
    if trace::is_on() {
        let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str);
        trace::adopt(span, request.method().as_str(), route, request.headers());
    }
}

/// It was answered so.
pub(super) fn end(span: &Span, status: StatusCode) {
    if trace::is_on() {
        trace::end(span, status);
    }
}
