//! Stock, as staff change it.

use crate::{
    app::App,
    data::{self, stock::StockMove},
    model::{
        id::SkuId,
        idempotency::IdempotencyKey,
        stock::{MoveKind, StockRefusal},
    },
    service::{Error, attempt, audit, idempotency::Intent, staff::Clerk},
};

/// Pieces come or go; how many are left.
pub async fn adjust(
    app: &App,
    clerk: &Clerk,
    key: &IdempotencyKey,
    sku: SkuId,
    delta: i64,
    reason: &str,
) -> Result<i64, Error<StockRefusal>> {
    let intent = Intent::new(&clerk.actor(), "stock.adjust", key, &(sku, delta, reason));
    attempt(|| async {
        let mut act = audit::begin(app).await?;
        if let Some(left) = intent.replay::<i64, StockRefusal>(&mut act, app.now()).await? {
            act.unchanged().await?;
            return Ok(left);
        }
        let before = data::stock::left(&mut act, sku).await?.ok_or(StockRefusal::NotFound)?;
        let moved = if delta < 0 {
            data::stock::take(&mut act, sku, -delta).await?
        } else {
            data::stock::give(&mut act, sku, delta).await?
        };
        if !moved {
            return Err(StockRefusal::NotEnough { left: before }.into());
        }
        let row = StockMove {
            id: app.ids.next(|id| id),
            sku_id: sku,
            order_id: None,
            kind: MoveKind::Adjust,
            delta,
            actor: clerk.actor(),
            created_ms: app.now(),
        };
        data::stock::insert_moves(&mut act, &[row]).await?;
        let left = data::stock::left(&mut act, sku).await?.unwrap_or_default();
        intent.keep(&mut act, &left).await?;
        act.commit(app, clerk, "stock.adjust", &format!("sku:{sku}"), &(delta, reason)).await.map(|()| left)
    })
    .await
}
