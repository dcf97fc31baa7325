//! The pages: a console for the developer and a cashier for the "phone", with their own style and scripts and
//! nothing from elsewhere.

use super::Simulator;
use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

/// Nothing but our own files may load, run or be asked.
const POLICY: &str = "default-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'";

const FILES: [(&str, &str, &str); 7] = [
    ("/", "text/html; charset=utf-8", include_str!("pages/console.html")),
    ("/cashier", "text/html; charset=utf-8", include_str!("pages/cashier.html")),
    ("/_simulator/style.css", "text/css; charset=utf-8", include_str!("pages/style.css")),
    ("/_simulator/console.js", "text/javascript; charset=utf-8", include_str!("pages/console.js")),
    ("/_simulator/cashier.js", "text/javascript; charset=utf-8", include_str!("pages/cashier.js")),
    ("/_simulator/words.js", "text/javascript; charset=utf-8", include_str!("pages/words.js")),
    ("/_simulator/dom.js", "text/javascript; charset=utf-8", include_str!("pages/dom.js")),
];

/// The routes.
pub(super) fn routes() -> Router<Simulator> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(move || std::future::ready(page(kind, text))))
    })
}

fn page(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
