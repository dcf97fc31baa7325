//! `/openapi.json` and `/docs`, a page that works without the network.

use super::problem::Problem;
use crate::app::App;
use axum::{
    Router,
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use std::sync::Arc;
use utoipa_swagger_ui::Config;

/// Swagger UI sets styles from its scripts and draws with data addresses; it gets no more than that.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The routes of the document.
pub(super) fn routes(document: &utoipa::openapi::OpenApi) -> Router<App> {
    let text: Arc<str> = document.to_json().unwrap_or_default().into();
    let config = Arc::new(Config::from("/openapi.json"));
    Router::new()
        .route(
            "/openapi.json",
            get(move || {
                let text = text.to_string();
                async move { ([(header::CONTENT_TYPE, "application/json")], text) }
            }),
        )
        .route("/docs", get(async || Redirect::permanent("/docs/")))
        .route(
            "/docs/",
            get({
                let config = config.clone();
                async move || page("", config)
            }),
        )
        .route("/docs/{*file}", get(async move |Path(file): Path<String>| page(&file, config)))
}

fn page(file: &str, config: Arc<Config<'static>>) -> Response {
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(found)) => {
            let policy = HeaderValue::from_static(PAGE_POLICY);
            let headers = [(header::CONTENT_TYPE, found.content_type)];
            ([(header::CONTENT_SECURITY_POLICY, policy)], headers, found.bytes.into_owned()).into_response()
        }
        _ => Problem::of("http.not_found").into_response(),
    }
}
