//! Paying through WeChat.

use super::{
    extract::{Buyer, Id},
    order::OrderDetailView,
    problem::Problem,
};
use crate::{app::App, model::id::OrderId, service, service::payment::RequestPayment};
use axum::{Json, extract::State};

/// Begin to pay: exactly what `wx.requestPayment` takes. Calling it again gives the same attempt while it is good, so it
/// needs no key.
#[utoipa::path(post, path = "/v1/orders/{id}/payment", operation_id = "payment.begin", tag = "payment",
    security(("buyer" = [])), params(("id" = OrderId, Path)), responses((status = 200, body = RequestPayment)))]
pub(super) async fn begin(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<OrderId>,
) -> Result<Json<RequestPayment>, Problem> {
    Ok(Json(service::payment::begin(&app, &buyer, id).await?))
}

/// "I paid": WeChat is asked, the caller is not believed. Call it when `wx.requestPayment` says ok or fail.
#[utoipa::path(post, path = "/v1/orders/{id}/payment/query", operation_id = "payment.ask", tag = "payment",
    security(("buyer" = [])), params(("id" = OrderId, Path)), responses((status = 200, body = OrderDetailView)))]
pub(super) async fn ask(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<OrderId>,
) -> Result<Json<OrderDetailView>, Problem> {
    Ok(Json(service::payment::ask(&app, &buyer, id).await?.into()))
}
