//! Refunds, for staff.

use crate::{
    app::App,
    http::{
        extract::{Created, Id, IdempotencyKey, OrderRead, Params, RefundWrite, Staff, Valid, place, rows},
        problem::Problem,
        refund::{AskRefund, RefundView},
    },
    model::{
        id::{OrderId, RefundId},
        page::Page,
        refund::RefundState,
    },
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::Deserialize;
use utoipa::IntoParams;

/// What a list of refunds is asked for.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct RefundParams {
    /// In this state only.
    #[garde(skip)]
    #[param(inline)]
    state: Option<RefundState>,
    /// Where the page starts: `next` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Rows, 20 unless said otherwise.
    #[garde(skip)]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// Give money back of the shop's own accord.
#[utoipa::path(post, path = "/admin/v1/orders/{id}/refunds", operation_id = "staff.refund.start", tag = "staff",
    security(("staff" = ["refund.write"])),
    params(("id" = OrderId, Path), ("Idempotency-Key" = String, Header, min_length = 16, max_length = 255)),
    request_body = AskRefund, responses((status = 201, body = RefundView)))]
pub(in crate::http) async fn start(
    State(app): State<App>,
    Staff(clerk, _): Staff<RefundWrite>,
    Id(id): Id<OrderId>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(body): Valid<AskRefund>,
) -> Result<Created<RefundView>, Problem> {
    Ok(Created(service::refund::start(&app, &clerk, &key, id, body.amount_fen, &body.reason).await?.into()))
}

/// All refunds, latest first.
#[utoipa::path(get, path = "/admin/v1/refunds", operation_id = "staff.refund.list", tag = "staff",
    security(("staff" = ["order.read"])), params(RefundParams), responses((status = 200, body = inline(Page<RefundView>))))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<OrderRead>,
    Params(params): Params<RefundParams>,
) -> Result<Json<Page<RefundView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let page = service::refund::list(&app, params.state, before, rows(params.limit)?).await?;
    Ok(Json(page.map(Into::into)))
}

/// Agree to a refund that a buyer asked for.
#[utoipa::path(post, path = "/admin/v1/refunds/{id}/approve", operation_id = "staff.refund.approve", tag = "staff",
    security(("staff" = ["refund.write"])), params(("id" = RefundId, Path)), responses((status = 200, body = RefundView)))]
pub(in crate::http) async fn approve(
    State(app): State<App>,
    Staff(clerk, _): Staff<RefundWrite>,
    Id(id): Id<RefundId>,
) -> Result<Json<RefundView>, Problem> {
    Ok(Json(service::refund::approve(&app, &clerk, id).await?.into()))
}

/// Do not agree.
#[utoipa::path(post, path = "/admin/v1/refunds/{id}/reject", operation_id = "staff.refund.reject", tag = "staff",
    security(("staff" = ["refund.write"])), params(("id" = RefundId, Path)), responses((status = 200, body = RefundView)))]
pub(in crate::http) async fn reject(
    State(app): State<App>,
    Staff(clerk, _): Staff<RefundWrite>,
    Id(id): Id<RefundId>,
) -> Result<Json<RefundView>, Problem> {
    Ok(Json(service::refund::reject(&app, &clerk, id).await?.into()))
}
