//! Money that goes back.

use super::{
    extract::{Buyer, Created, Id, IdempotencyKey, Valid},
    problem::Problem,
};
use crate::{
    app::App,
    model::{
        id::{OrderId, RefundId},
        money::Fen,
        refund::{Refund, RefundCause, RefundState},
        time::Timestamp,
    },
    service,
};
use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Money that is wanted back.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AskRefund {
    /// How much, in fen.
    #[garde(custom(at_least_one))]
    #[schema(minimum = 1)]
    pub(super) amount_fen: Fen,
    /// Why; WeChat shows it to the buyer.
    #[garde(length(chars, min = 1, max = 80))]
    #[schema(min_length = 1, max_length = 80)]
    pub(super) reason: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the validator hands out references")]
fn at_least_one(amount: &Fen, (): &()) -> garde::Result {
    if amount.0 >= 1 { Ok(()) } else { Err(garde::Error::new("at least 1 fen")) }
}

/// Money that a buyer wants back.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestRefund {
    /// How much, in fen.
    #[garde(custom(at_least_one))]
    #[schema(minimum = 1)]
    amount_fen: Fen,
    /// Why; WeChat shows it to the buyer.
    #[garde(length(chars, min = 1, max = 80))]
    #[schema(min_length = 1, max_length = 80)]
    reason: String,
    /// Pictures of what comes back, uploaded for `refund` before; staff see them.
    #[serde(default)]
    #[garde(length(max = 6), inner(length(max = 255), pattern(r"^/objects/[a-z0-9/_.-]+$")))]
    #[schema(max_items = 6)]
    picture_urls: Vec<String>,
}

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefundView {
    /// Which.
    id: RefundId,
    /// Of which order.
    order_id: OrderId,
    /// Our number at WeChat.
    out_refund_no: String,
    /// How much, in fen.
    amount_fen: Fen,
    /// Why.
    cause: RefundCause,
    /// In words.
    reason: String,
    /// Where it stands.
    state: RefundState,
    /// When it was asked for or decided.
    created_ms: Timestamp,
    /// When it ended.
    ended_ms: Option<Timestamp>,
}

impl From<Refund> for RefundView {
    fn from(refund: Refund) -> Self {
        let Refund { id, order_id, out_refund_no, amount_fen, cause, reason, state, created_ms, ended_ms, .. } = refund;
        Self { id, order_id, out_refund_no, amount_fen, cause, reason, state, created_ms, ended_ms }
    }
}

/// Ask for money back; the shop decides. All that is asked for together never exceeds what was paid.
#[utoipa::path(post, path = "/v1/orders/{id}/refunds", operation_id = "refund.request", tag = "refund",
    security(("buyer" = [])),
    params(("id" = OrderId, Path), ("Idempotency-Key" = String, Header, min_length = 16, max_length = 255)),
    request_body = RequestRefund, responses((status = 201, body = RefundView)))]
pub(super) async fn request(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<OrderId>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(body): Valid<RequestRefund>,
) -> Result<Created<RefundView>, Problem> {
    let RequestRefund { amount_fen: amount, reason, picture_urls } = &body;
    let asked = service::refund::Asked { amount: *amount, reason, picture_urls };
    Ok(Created(service::refund::request(&app, &buyer, &key, id, &asked).await?.into()))
}
