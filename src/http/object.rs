//! Objects of the shop, in pieces: none is in memory as a whole, however large it is.

use super::problem::Problem;
use crate::{
    app::App,
    model::object::{ByteRange, Reader},
    service::{
        self,
        object::{Found, Reading, View},
    },
};
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;

/// Keys are never used twice.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=86400");
/// How long a reader goes where it was sent before it asks again: much less than a signed address is good for.
const SENT: HeaderValue = HeaderValue::from_static("public, max-age=60");
/// An SVG can carry scripts; here it cannot run them.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

/// A picture of the shop, or a part of it. Keys are never used twice, so it may be kept for long. Where a CDN serves
/// objects, the answer leads there.
#[utoipa::path(get, path = "/objects/{*key}", operation_id = "object.view", tag = "product",
    params(
        ("key" = String, Path),
        ("range" = Option<String>, Header, description = "One part: `bytes=0-99`, `bytes=100-` or `bytes=-100`"),
        ("if-none-match" = Option<String>, Header, description = "The `ETag` of what the reader has"),
    ),
    responses(
        (status = 200, description = "The object", content_type = "image/*"),
        (status = 206, description = "The part of it", content_type = "image/*"),
        (status = 302, description = "It is to be had elsewhere"),
        (status = 304, description = "The reader has it"),
    ))]
pub(super) async fn view(
    State(app): State<App>,
    Path(key): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Of an address that was lent: nothing that a client makes up by itself.
    let pass = uri.query().and_then(|query| query.strip_prefix("pass="));
    let given = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let reader = Reader {
        range: given(header::RANGE).and_then(ByteRange::parse),
        range_of: given(header::IF_RANGE).map(str::to_owned),
        has: given(header::IF_NONE_MATCH).map(str::to_owned),
    };
    match service::object::view(&app, &key, pass, &reader).await? {
        View::Elsewhere(url) => {
            let headers = [(header::LOCATION, text(&url)), (header::CACHE_CONTROL, SENT)];
            Ok((StatusCode::FOUND, headers).into_response())
        }
        View::Here(Found::Reading(reading)) => Ok(answer(reading)),
        View::Here(Found::Same(tag)) => {
            let headers = [(header::ETAG, text(&tag)), (header::CACHE_CONTROL, KEPT)];
            Ok((StatusCode::NOT_MODIFIED, headers).into_response())
        }
        View::Here(Found::Beyond(size)) => {
            let mut refused = Problem::of("http.range_not_satisfiable").into_response();
            refused.headers_mut().insert(header::CONTENT_RANGE, text(&format!("bytes */{size}")));
            Ok(refused)
        }
    }
}

fn answer(reading: Reading) -> Response {
    let (range, size) = (reading.range.clone(), reading.size);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(reading.content_type)),
        (header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start)),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::ETAG, text(&reading.tag)),
        (header::CACHE_CONTROL, KEPT),
        (header::CONTENT_SECURITY_POLICY, SANDBOX),
    ];
    let whole = range == (0..size);
    let pieces = stream::try_unfold(reading, async |mut reading| {
        let piece = reading.next().await;
        if let Err(error) = &piece {
            tracing::warn!(error = error as &dyn std::error::Error, "an object broke off while it was served");
        }
        piece.map(|piece| piece.map(|piece| (piece, reading)))
    });
    let mut response = (headers, Body::from_stream(pieces)).into_response();
    if !whole {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let told = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
        response.headers_mut().insert(header::CONTENT_RANGE, text(&told));
    }
    response
}

/// Tags and addresses are of visible characters.
fn text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
