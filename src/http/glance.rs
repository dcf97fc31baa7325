//! Answers from this node's memory, given before the router is asked: what is read most costs least, and is there also
//! while no place is left at the gate. A glance gives the answer of the handler or none; then the handler is called.

use super::product;
use crate::app::App;
use axum::{http::Uri, response::Response};

/// Looks at memory for what a request of this address wants. Never waits.
pub(super) type Glance = fn(&App, &Uri) -> Option<Response>;

/// That of an operation, if it has one.
pub(super) fn of_operation(id: &str) -> Option<Glance> {
    match id {
        "product.view" => Some(product::glance_view),
        "product.list" => Some(product::glance_list),
        "product.categories" => Some(product::glance_categories),
        _ => None,
    }
}
