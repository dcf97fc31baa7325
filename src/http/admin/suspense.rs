//! Money in suspense, for staff.

use crate::{
    app::App,
    http::{
        extract::{Id, OrderRead, Params, PaymentWrite, RefundWrite, Staff, Valid, place, rows},
        problem::Problem,
    },
    model::{
        id::{OrderId, StaffId},
        money::Fen,
        page::Page,
        payment::SuspenseReason,
        suspense::{Resolution, Suspense, TransactionId},
        time::Timestamp,
    },
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What the inbox is asked for.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct SuspenseParams {
    /// `open` (unless said otherwise): what waits; `all`: also what was resolved.
    #[garde(skip)]
    #[param(inline)]
    show: Option<SuspenseShow>,
    /// Where the page starts: `next` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Rows, 20 unless said otherwise.
    #[garde(skip)]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// Which money is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum SuspenseShow {
    /// What waits.
    Open,
    /// Also what was resolved.
    All,
}

/// Money in suspense.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SuspenseView {
    /// WeChat's number of it.
    transaction_id: String,
    /// Why it waits.
    reason: SuspenseReason,
    /// The number of the attempt that WeChat named.
    out_trade_no: String,
    /// The order of that attempt; absent when the attempt is not ours.
    order_id: Option<OrderId>,
    /// How much, in fen.
    total_fen: Fen,
    /// In which currency, as WeChat said.
    currency: Option<String>,
    /// The merchant that WeChat named.
    mchid: Option<String>,
    /// The mini-program that WeChat named.
    appid: Option<String>,
    /// The payer that WeChat named.
    openid: Option<String>,
    /// When it was paid, says WeChat.
    success_ms: Option<Timestamp>,
    /// When it came.
    created_ms: Timestamp,
    /// How it was resolved; absent while it waits.
    resolution: Option<Resolution>,
    /// Why, in the words of staff.
    note: Option<String>,
    /// By whom; absent when the rules did it.
    staff_id: Option<StaffId>,
    /// When.
    resolved_ms: Option<Timestamp>,
}

impl From<Suspense> for SuspenseView {
    fn from(row: Suspense) -> Self {
        let told = row.told();
        Self {
            currency: told.as_ref().map(|told| told.currency.clone()),
            mchid: told.as_ref().map(|told| told.mchid.clone()),
            appid: told.as_ref().map(|told| told.appid.clone()),
            openid: told.as_ref().map(|told| told.openid.clone()),
            success_ms: told.map(|told| told.success_ms),
            transaction_id: row.transaction_id,
            reason: row.reason,
            out_trade_no: row.out_trade_no,
            order_id: row.order_id,
            total_fen: row.total_fen,
            created_ms: row.created_ms,
            resolution: row.resolution,
            note: row.note,
            staff_id: row.staff_id,
            resolved_ms: row.resolved_ms,
        }
    }
}

/// Why money is none of ours.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct DismissSuspense {
    /// In words; it stays with the row and in the audit.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    note: String,
}

/// Money that fits no order, latest first.
#[utoipa::path(get, path = "/admin/v1/suspense", operation_id = "staff.suspense.list", tag = "staff",
    security(("staff" = ["order.read"])), params(SuspenseParams), responses((status = 200, body = inline(Page<SuspenseView>))))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<OrderRead>,
    Params(params): Params<SuspenseParams>,
) -> Result<Json<Page<SuspenseView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let open = params.show != Some(SuspenseShow::All);
    Ok(Json(service::suspense::list(&app, open, before, rows(params.limit)?).await?.map(Into::into)))
}

/// Send the money back whole. WeChat is asked first; only money for an attempt of ours can be sent back here.
#[utoipa::path(post, path = "/admin/v1/suspense/{transaction_id}/refund", operation_id = "staff.suspense.refund",
    tag = "staff", security(("staff" = ["refund.write"])), params(("transaction_id" = String, Path)),
    responses((status = 200, body = SuspenseView)))]
pub(in crate::http) async fn refund(
    State(app): State<App>,
    Staff(clerk, _): Staff<RefundWrite>,
    Id(id): Id<TransactionId>,
) -> Result<Json<SuspenseView>, Problem> {
    Ok(Json(service::suspense::refund(&app, &clerk, &id.0).await?.into()))
}

/// Ask WeChat again and judge anew. What still does not fit goes on waiting.
#[utoipa::path(post, path = "/admin/v1/suspense/{transaction_id}/retry", operation_id = "staff.suspense.retry",
    tag = "staff", security(("staff" = ["payment.write"])), params(("transaction_id" = String, Path)),
    responses((status = 200, body = SuspenseView)))]
pub(in crate::http) async fn retry(
    State(app): State<App>,
    Staff(clerk, _): Staff<PaymentWrite>,
    Id(id): Id<TransactionId>,
) -> Result<Json<SuspenseView>, Problem> {
    Ok(Json(service::suspense::retry(&app, &clerk, &id.0).await?.into()))
}

/// Say that the money is none of ours, as that of another system under the same merchant.
#[utoipa::path(post, path = "/admin/v1/suspense/{transaction_id}/dismiss", operation_id = "staff.suspense.dismiss",
    tag = "staff", security(("staff" = ["payment.write"])), params(("transaction_id" = String, Path)),
    request_body = DismissSuspense, responses((status = 200, body = SuspenseView)))]
pub(in crate::http) async fn dismiss(
    State(app): State<App>,
    Staff(clerk, _): Staff<PaymentWrite>,
    Id(id): Id<TransactionId>,
    Valid(body): Valid<DismissSuspense>,
) -> Result<Json<SuspenseView>, Problem> {
    Ok(Json(service::suspense::dismiss(&app, &clerk, &id.0, &body.note).await?.into()))
}
