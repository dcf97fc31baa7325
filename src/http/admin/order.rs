//! Orders, for staff.

use crate::{
    app::App,
    http::{
        extract::{Id, OrderPrice, OrderRead, OrderShip, Params, Staff, Valid, place, rows},
        order::{OrderDetailView, OrderParams, OrderView},
        problem::Problem,
    },
    model::{id::OrderId, money::Fen, page::Page},
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

/// A parcel that leaves.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SendShipment {
    /// WeChat's carrier code, such as `SF`.
    #[garde(length(min = 1, max = 32), pattern(r"^[A-Za-z0-9_]+$"))]
    #[schema(min_length = 1, max_length = 32, pattern = r"^[A-Za-z0-9_]+$")]
    carrier: String,
    /// The carrier's number.
    #[garde(length(min = 1, max = 64), pattern(r"^[A-Za-z0-9-]+$"))]
    #[schema(min_length = 1, max_length = 64, pattern = r"^[A-Za-z0-9-]+$")]
    tracking_no: String,
}

/// Another price for an order that is not paid.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ChangePrice {
    /// The version that was seen; if the order moved since, this change is refused.
    #[garde(range(min = 1))]
    #[schema(minimum = 1)]
    version: i64,
    /// What the order is to cost, delivery included, in fen: from 1 to 100 000 000.
    #[garde(custom(payable))]
    #[schema(minimum = 1, maximum = 100_000_000)]
    total_fen: Fen,
    /// Why, for the audit.
    #[garde(length(chars, min = 1, max = 120))]
    #[schema(min_length = 1, max_length = 120)]
    reason: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the validator hands out references")]
fn payable(total: &Fen, (): &()) -> garde::Result {
    let fits = (1..=Fen::ORDER_MAX.0).contains(&total.0);
    if fits { Ok(()) } else { Err(garde::Error::new("between 1 and 100000000 fen")) }
}

/// All orders, latest first.
#[utoipa::path(get, path = "/admin/v1/orders", operation_id = "staff.order.list", tag = "staff",
    security(("staff" = ["order.read"])), params(OrderParams), responses((status = 200, body = inline(Page<OrderView>))))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<OrderRead>,
    Params(params): Params<OrderParams>,
) -> Result<Json<Page<OrderView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let page = service::order::list_all(&app, params.state, before, rows(params.limit)?).await?;
    Ok(Json(page.map(Into::into)))
}

/// Everything about an order.
#[utoipa::path(get, path = "/admin/v1/orders/{id}", operation_id = "staff.order.view", tag = "staff",
    security(("staff" = ["order.read"])), params(("id" = OrderId, Path)), responses((status = 200, body = OrderDetailView)))]
pub(in crate::http) async fn view(
    State(app): State<App>,
    _: Staff<OrderRead>,
    Id(id): Id<OrderId>,
) -> Result<Json<OrderDetailView>, Problem> {
    Ok(Json(service::order::inspect(&app, id).await?.into()))
}

/// The parcel of a paid order leaves.
#[utoipa::path(post, path = "/admin/v1/orders/{id}/shipment", operation_id = "staff.order.ship", tag = "staff",
    security(("staff" = ["order.ship"])), params(("id" = OrderId, Path)), request_body = SendShipment,
    responses((status = 200, body = OrderDetailView)))]
pub(in crate::http) async fn ship(
    State(app): State<App>,
    Staff(clerk, _): Staff<OrderShip>,
    Id(id): Id<OrderId>,
    Valid(body): Valid<SendShipment>,
) -> Result<Json<OrderDetailView>, Problem> {
    Ok(Json(service::shipment::send(&app, &clerk, id, &body.carrier, &body.tracking_no).await?.into()))
}

/// Change the price of an order that is not paid (改价). What could be paid at the old price is closed at WeChat first; a
/// buyer who pays meanwhile wins.
#[utoipa::path(put, path = "/admin/v1/orders/{id}/price", operation_id = "staff.order.price", tag = "staff",
    security(("staff" = ["order.price"])), params(("id" = OrderId, Path)), request_body = ChangePrice,
    responses((status = 200, body = OrderDetailView)))]
pub(in crate::http) async fn price(
    State(app): State<App>,
    Staff(clerk, _): Staff<OrderPrice>,
    Id(id): Id<OrderId>,
    Valid(body): Valid<ChangePrice>,
) -> Result<Json<OrderDetailView>, Problem> {
    let detail = service::price::change(&app, &clerk, id, body.version, body.total_fen, &body.reason).await?;
    Ok(Json(detail.into()))
}
