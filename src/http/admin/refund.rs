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
        refund::{Refund, RefundState},
        time::Timestamp,
    },
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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

/// A refund, with what only staff are told.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StaffRefundView {
    #[serde(flatten)]
    refund: RefundView,
    /// WeChat's number of the payment.
    transaction_id: String,
    /// WeChat's number of the refund, once it gave one.
    refund_id: Option<String>,
    /// When it was first sent to WeChat.
    sent_ms: Option<Timestamp>,
    /// When it was sent last.
    last_sent_ms: Option<Timestamp>,
    /// What WeChat said when it did not take it, such as `NOT_ENOUGH …`: the merchant's balance has to be topped up.
    last_error: Option<String>,
    /// The closed refund that this one takes the place of.
    retry_of: Option<RefundId>,
    /// What the buyer shows of what comes back.
    picture_urls: Vec<String>,
}

impl From<Refund> for StaffRefundView {
    fn from(refund: Refund) -> Self {
        Self {
            transaction_id: refund.transaction_id.clone(),
            refund_id: refund.refund_id.clone(),
            sent_ms: refund.sent_ms,
            last_sent_ms: refund.last_sent_ms,
            last_error: refund.last_error.clone(),
            retry_of: refund.retry_of,
            picture_urls: refund.picture_urls(),
            refund: refund.into(),
        }
    }
}

/// Give money back of the shop's own accord.
#[utoipa::path(post, path = "/admin/v1/orders/{id}/refunds", operation_id = "staff.refund.start", tag = "staff",
    security(("staff" = ["refund.write"])),
    params(("id" = OrderId, Path), ("Idempotency-Key" = String, Header, min_length = 16, max_length = 255)),
    request_body = AskRefund, responses((status = 201, body = StaffRefundView)))]
pub(in crate::http) async fn start(
    State(app): State<App>,
    Staff(clerk, _): Staff<RefundWrite>,
    Id(id): Id<OrderId>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(body): Valid<AskRefund>,
) -> Result<Created<StaffRefundView>, Problem> {
    Ok(Created(service::refund::start(&app, &clerk, &key, id, body.amount_fen, &body.reason).await?.into()))
}

/// All refunds, latest first.
#[utoipa::path(get, path = "/admin/v1/refunds", operation_id = "staff.refund.list", tag = "staff",
    security(("staff" = ["order.read"])), params(RefundParams), responses((status = 200, body = inline(Page<StaffRefundView>))))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<OrderRead>,
    Params(params): Params<RefundParams>,
) -> Result<Json<Page<StaffRefundView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let page = service::refund::list(&app, params.state, before, rows(params.limit)?).await?;
    Ok(Json(page.map(Into::into)))
}

/// Agree to a refund that a buyer asked for.
#[utoipa::path(post, path = "/admin/v1/refunds/{id}/approve", operation_id = "staff.refund.approve", tag = "staff",
    security(("staff" = ["refund.write"])), params(("id" = RefundId, Path)), responses((status = 200, body = StaffRefundView)))]
pub(in crate::http) async fn approve(
    State(app): State<App>,
    Staff(clerk, _): Staff<RefundWrite>,
    Id(id): Id<RefundId>,
) -> Result<Json<StaffRefundView>, Problem> {
    Ok(Json(service::refund::approve(&app, &clerk, id).await?.into()))
}

/// Do not agree.
#[utoipa::path(post, path = "/admin/v1/refunds/{id}/reject", operation_id = "staff.refund.reject", tag = "staff",
    security(("staff" = ["refund.write"])), params(("id" = RefundId, Path)), responses((status = 200, body = StaffRefundView)))]
pub(in crate::http) async fn reject(
    State(app): State<App>,
    Staff(clerk, _): Staff<RefundWrite>,
    Id(id): Id<RefundId>,
) -> Result<Json<StaffRefundView>, Problem> {
    Ok(Json(service::refund::reject(&app, &clerk, id).await?.into()))
}

/// Try a refund that WeChat closed once more, under a new number. Its amount must still be free.
#[utoipa::path(post, path = "/admin/v1/refunds/{id}/retry", operation_id = "staff.refund.retry", tag = "staff",
    security(("staff" = ["refund.write"])), params(("id" = RefundId, Path)), responses((status = 201, body = StaffRefundView)))]
pub(in crate::http) async fn retry(
    State(app): State<App>,
    Staff(clerk, _): Staff<RefundWrite>,
    Id(id): Id<RefundId>,
) -> Result<Created<StaffRefundView>, Problem> {
    Ok(Created(service::refund::retry(&app, &clerk, id).await?.into()))
}
