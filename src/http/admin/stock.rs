//! Stock, for staff.

use crate::{
    app::App,
    http::{
        extract::{Id, IdempotencyKey, Staff, StockWrite, Valid},
        problem::Problem,
    },
    model::id::SkuId,
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Pieces that come or go.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct AdjustStock {
    /// Pieces; negative when they go.
    #[garde(range(min = -1_000_000, max = 1_000_000))]
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    delta: i64,
    /// Why, for the audit.
    #[garde(length(chars, min = 1, max = 120))]
    #[schema(min_length = 1, max_length = 120)]
    reason: String,
}

/// What is left.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StockView {
    /// Pieces that can be bought.
    left_qty: i64,
}

/// Pieces of a SKU come or go.
#[utoipa::path(post, path = "/admin/v1/skus/{id}/stock", operation_id = "staff.stock.adjust", tag = "staff",
    security(("staff" = ["stock.write"])),
    params(("id" = SkuId, Path), ("Idempotency-Key" = String, Header, min_length = 16, max_length = 255)),
    request_body = AdjustStock, responses((status = 200, body = StockView)))]
pub(in crate::http) async fn adjust(
    State(app): State<App>,
    Staff(clerk, _): Staff<StockWrite>,
    Id(id): Id<SkuId>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(body): Valid<AdjustStock>,
) -> Result<Json<StockView>, Problem> {
    let left_qty = service::stock::adjust(&app, &clerk, &key, id, body.delta, &body.reason).await?;
    Ok(Json(StockView { left_qty }))
}
