//! Answers from the cache, given before the router is asked: what is read most costs least, and is there also while no
//! place is left at the gate. A glance gives the answer of the handler or none; then the handler is called.

use super::product::answer;
use crate::{
    app::App,
    cache::{CategoriesKey, Key, ProductKey, ProductListKey},
    service::product::{find, held},
};
use axum::{
    body::Bytes,
    http::{Method, Uri},
    response::Response,
};
use futures_util::{FutureExt as _, future::BoxFuture};

/// What is answered from the cache.
pub(super) trait Glanced: Key<Form = Bytes> {
    /// What this address asks for; none when the handler has to say what is wrong with it.
    fn of(uri: &Uri) -> Option<Self>;
}

/// How an operation is answered from the cache.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glance {
    memory: fn(&App, &Uri) -> Option<Response>,
    shared: for<'a> fn(&'a App, &'a Uri) -> BoxFuture<'a, Option<Response>>,
}

const fn glance<K: Glanced>() -> Option<Glance> {
    Some(Glance {
        memory: |app, uri| held(app, &K::of(uri)?).map(answer),
        shared: |app, uri| async { find(app, &K::of(uri)?).await.map(answer) }.boxed(),
    })
}

/// That of an operation, if it has one.
pub(super) fn of_operation(id: &str) -> Option<Glance> {
    match id {
        "product.categories" => glance::<CategoriesKey>(),
        "product.list" => glance::<ProductListKey>(),
        "product.view" => glance::<ProductKey>(),
        _ => None,
    }
}

impl Glance {
    /// The answer, if the cache holds it. Waits for Redis at most, and not long.
    pub(super) async fn answer(self, app: &App, method: &Method, uri: &Uri) -> Option<Response> {
        if method != Method::GET {
            return None;
        }
        match (self.memory)(app, uri) {
            None if app.cache.is_shared() => (self.shared)(app, uri).await,
            answer => answer,
        }
    }
}
