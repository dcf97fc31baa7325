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

const FILES: [(&str, &str, &str); 9] = [
    ("/", "text/html; charset=utf-8", include_str!("pages/console.html")),
    ("/cashier", "text/html; charset=utf-8", include_str!("pages/cashier.html")),
    ("/_simulator/style.css", "text/css; charset=utf-8", include_str!("pages/style.css")),
    ("/_simulator/console.js", "text/javascript; charset=utf-8", include_str!("pages/console.js")),
    ("/_simulator/cashier.js", "text/javascript; charset=utf-8", include_str!("pages/cashier.js")),
    ("/_simulator/words.js", "text/javascript; charset=utf-8", include_str!("pages/words.js")),
    ("/_simulator/dom.js", "text/javascript; charset=utf-8", include_str!("pages/dom.js")),
    ("/_simulator/faults.js", "text/javascript; charset=utf-8", include_str!("pages/faults.js")),
    ("/_simulator/icon.svg", "image/svg+xml", include_str!("pages/icon.svg")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_name_only_files_that_exist_and_run_nothing_inline() {
        for (path, kind, text) in FILES {
            for part in text.split('"').filter(|part| part.starts_with("/_simulator/") && !part.contains("/api")) {
                assert!(FILES.iter().any(|(known, ..)| *known == part), "{path} names {part}");
            }
            for part in text.split('"').filter(|part| part.starts_with("./")) {
                assert!(FILES.iter().any(|(known, ..)| known.ends_with(&part[1..])), "{path} imports {part}");
            }
            if kind.starts_with("text/html") {
                assert!(!text.contains(" onclick") && !text.contains("<style") && !text.contains("<script>"), "{path}");
            }
            assert!(!text.contains("innerHTML") && !text.contains("insertAdjacentHTML"), "{path}");
        }
    }

    #[test]
    fn every_word_that_is_used_is_known() {
        let words = include_str!("pages/words.js");
        let known = |name: &str| words.contains(&format!("\n  {name}: ["));
        for (path, _, text) in FILES {
            for lead in ["data-word=\"", "data-placeholder=\"", "word(\""] {
                for name in text.split(lead).skip(1).filter_map(|rest| rest.split('"').next()) {
                    assert!(known(name), "{path} uses {name}");
                }
            }
        }
        let settings = serde_json::to_value(super::super::Settings::default()).expect("settings");
        for name in settings.as_object().expect("object").keys() {
            assert!(known(&format!("fault_{name}")), "{name}");
        }
    }
}
