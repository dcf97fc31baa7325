//! Objects of the local directory.

use super::problem::Problem;
use crate::{app::App, service};
use axum::{
    extract::{Path, State},
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};

/// A picture of the shop. Keys are never used twice, so it may be kept for long.
#[utoipa::path(get, path = "/objects/{*key}", operation_id = "object.view", tag = "product",
    params(("key" = String, Path)), responses((status = 200, description = "The object", content_type = "image/*")))]
pub(super) async fn view(State(app): State<App>, Path(key): Path<String>, uri: Uri) -> Result<Response, Problem> {
    // Of an address that was lent: nothing that a client makes up by itself.
    let pass = uri.query().and_then(|query| query.strip_prefix("pass="));
    let object = service::object::view(&app, &key, pass).await?;
    let kind = HeaderValue::from_static(object.content_type);
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400")),
        // An SVG can carry scripts; here it cannot run them.
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        ),
    ];
    Ok((headers, object.bytes).into_response())
}
