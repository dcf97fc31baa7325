//! Every route, one screen an audience.

use super::{
    address, admin, callback, cart, docs, dossier, event, flag, health, limit, measure, message, object, openapi,
    order, payment, problem::Problem, product, push, refund, scene, upload, user,
};
use crate::app::App;
use axum::{Router, middleware::from_fn};
use utoipa::OpenApi;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

/// Anybody.
fn public() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(limited(routes!(user::sign_in)))
        .routes(limited(routes!(user::sign_in_from_cloud)))
        .routes(limited(routes!(user::refresh)))
        .routes(routes!(product::categories))
        .routes(routes!(product::list))
        .routes(routes!(product::view))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(object::view))
        .routes(routes!(scene::view))
        .routes(routes!(flag::list))
        .routes(routes!(event::take))
}

/// A signed-in buyer, about its own things.
fn buyer() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(user::sign_out))
        .routes(routes!(user::view, user::change, user::remove))
        .routes(routes!(dossier::export))
        .routes(limited(routes!(user::bind_phone)))
        .routes(limited(routes!(user::bind_encrypted_phone)))
        .routes(routes!(cart::list))
        .routes(routes!(cart::put, cart::remove))
        .routes(routes!(address::list, address::add))
        .routes(routes!(address::change, address::remove))
        .routes(routes!(order::list))
        .routes(limited(routes!(order::place)))
        .routes(routes!(order::view))
        .routes(routes!(order::cancel))
        .routes(routes!(order::receive))
        .routes(routes!(payment::begin))
        .routes(routes!(payment::ask))
        .routes(routes!(refund::request))
        .routes(routes!(message::templates))
        .routes(routes!(message::consent))
        .routes(routes!(upload::begin))
        .routes(routes!(upload::send))
        .routes(routes!(upload::confirm))
        .routes(routes!(upload::view, upload::remove))
}

/// Staff with the right that the handler's `Staff<…>` names.
fn staff() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(limited(routes!(admin::staff::sign_in)))
        .routes(limited(routes!(admin::staff::refresh)))
        .routes(routes!(admin::staff::sign_out))
        .routes(routes!(admin::product::create_category))
        .routes(routes!(admin::product::list, admin::product::create))
        .routes(routes!(admin::product::view, admin::product::change))
        .routes(routes!(admin::code::list, admin::code::create))
        .routes(routes!(admin::link::list, admin::link::create))
        .routes(routes!(admin::upload::begin))
        .routes(routes!(admin::upload::send))
        .routes(routes!(admin::upload::confirm))
        .routes(routes!(admin::upload::remove))
        .routes(routes!(admin::upload::held))
        .routes(routes!(admin::upload::allow))
        .routes(routes!(admin::upload::block))
        .routes(routes!(admin::stock::adjust))
        .routes(routes!(admin::order::list))
        .routes(routes!(admin::order::view))
        .routes(routes!(admin::order::ship, admin::order::correct))
        .routes(routes!(admin::order::price))
        .routes(routes!(admin::timeline::list))
        .routes(routes!(admin::timeline::replay))
        .routes(routes!(admin::refund::start))
        .routes(routes!(admin::refund::list))
        .routes(routes!(admin::refund::approve))
        .routes(routes!(admin::refund::reject))
        .routes(routes!(admin::refund::retry))
        .routes(routes!(admin::message::list))
        .routes(routes!(admin::suspense::list))
        .routes(routes!(admin::suspense::refund))
        .routes(routes!(admin::suspense::retry))
        .routes(routes!(admin::suspense::dismiss))
        .routes(routes!(admin::job::list))
        .routes(routes!(admin::job::redrive))
        .routes(routes!(admin::reconcile::list))
        .routes(routes!(admin::reconcile::run))
        .routes(routes!(admin::reconcile::differences))
        .routes(routes!(admin::reconcile::repair))
        .routes(routes!(admin::reconcile::dismiss))
        .routes(routes!(admin::node::list))
        .routes(routes!(admin::setting::list))
        .routes(routes!(admin::setting::change))
        .routes(routes!(admin::setting::history))
        .routes(routes!(admin::figure::series))
        .routes(routes!(admin::figure::totals))
        .routes(routes!(admin::figure::top))
        .routes(routes!(admin::figure::retention))
        .routes(routes!(admin::figure::funnel))
        .routes(routes!(admin::figure::visit::wechat))
        .routes(routes!(admin::flag::list))
        .routes(routes!(admin::flag::put, admin::flag::remove))
        .routes(routes!(admin::flag::history))
}

/// WeChat, which proves itself by its signature.
fn wechat() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(in_its_form(routes!(callback::pay)))
        .routes(in_its_form(routes!(callback::refund)))
        .routes(in_its_form(routes!(push::verify, push::receive)))
}

/// The same routes, with WeChat's form instead of a Problem also for a method that they do not take.
fn in_its_form((schemas, paths, route): UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    (schemas, paths, route.fallback(callback::other_method))
}

/// The same route, whose answers say how its caller stands under its limit.
fn limited((schemas, paths, route): UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    (schemas, paths, route.layer(from_fn(limit::told)))
}

/// All of them with their document.
fn all() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::Head::openapi()).merge(public()).merge(buyer()).merge(staff()).merge(wechat())
}

/// The document of all routes.
pub fn document() -> utoipa::openapi::OpenApi {
    openapi::finish(all().into_openapi())
}

/// The router of a node; what a request passes before it stands in `door`.
pub fn router(app: &App) -> Router {
    let (routes, document) = all().split_for_parts();
    measure::prepare(app);
    routes
        .merge(docs::routes(&openapi::finish(document)))
        .fallback(async || Problem::of("http.not_found"))
        .method_not_allowed_fallback(async || Problem::of("http.method_not_allowed"))
        .with_state(app.clone())
}
