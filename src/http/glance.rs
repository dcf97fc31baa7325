//! Answers from the cache, given before the router is asked: what is read most costs least, and is there also while no
//! place is left at the gate. A glance gives the answer of the handler or none; then the handler is called.

use super::product;
use crate::{
    app::App,
    service::product::{Show, hot},
};
use axum::{
    http::{Method, Uri},
    response::Response,
};

/// What an address asks for; none when the handler has to say what is wrong with it.
pub(super) type Glance = fn(&Uri) -> Option<Show>;

/// That of an operation, if it is answered from the cache.
pub(super) fn of_operation(id: &str) -> Option<Glance> {
    match id {
        "product.categories" => Some(|_| Some(Show::Categories)),
        "product.list" => Some(product::list_at),
        "product.view" => Some(product::product_at),
        _ => None,
    }
}

/// The answer, if the cache holds it. Waits for Redis at most, and not long.
pub(super) async fn answer(app: &App, glance: Glance, method: &Method, uri: &Uri) -> Option<Response> {
    if method != Method::GET {
        return None;
    }
    hot(app, glance(uri)?).await.map(product::answer)
}
