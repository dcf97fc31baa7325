//! Rows of `stock` and `stock_moves`.

use super::{Each, Error, Session};
use crate::model::{
    id::{OrderId, SkuId},
    stock::MoveKind,
    time::Timestamp,
};

statements! {
    LEFT = "SELECT left_qty FROM stock WHERE sku_id = ?";
    INSERT = "INSERT INTO stock (sku_id, initial_qty, left_qty) VALUES {(?, ?, ?)}";
    /// Never below nothing: the one place that stops overselling.
    TAKE = "UPDATE stock SET left_qty = left_qty - ? WHERE sku_id = ? AND left_qty >= ?";
    GIVE = "UPDATE stock SET left_qty = left_qty + ? WHERE sku_id = ?";
    INSERT_MOVES = "INSERT INTO stock_moves (id, sku_id, order_id, kind, delta, actor, created_ms) VALUES {(?, ?, ?, ?, ?, ?, ?)}";
}

/// One move of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockMove {
    /// Made by the caller.
    pub id: i64,
    /// Which SKU.
    pub sku_id: SkuId,
    /// For which order, if for one.
    pub order_id: Option<OrderId>,
    /// Why.
    pub kind: MoveKind,
    /// Pieces; negative when they leave.
    pub delta: i64,
    /// Who.
    pub actor: String,
    /// When.
    pub created_ms: Timestamp,
}

/// Pieces that are left; `None` for no such SKU.
pub async fn left(session: &mut Session, sku: SkuId) -> Result<Option<i64>, Error> {
    Ok(session.optional::<(i64,)>(LEFT, (sku,)).await?.map(|(left,)| left))
}
/// New SKUs with what there is of them at first.
pub async fn insert(session: &mut Session, rows: &[(SkuId, i64)]) -> Result<(), Error> {
    session.execute(INSERT, Each(rows.iter().map(|(sku, qty)| (*sku, *qty, *qty)).collect())).await.map(drop)
}
/// Take pieces if there are enough. Whoever takes also writes the move.
pub async fn take(session: &mut Session, sku: SkuId, qty: i64) -> Result<bool, Error> {
    Ok(session.execute(TAKE, (qty, sku, qty)).await? == 1)
}
/// Give pieces. Whoever gives also writes the move.
pub async fn give(session: &mut Session, sku: SkuId, qty: i64) -> Result<bool, Error> {
    Ok(session.execute(GIVE, (qty, sku)).await? == 1)
}
/// Write the ledger.
pub async fn insert_moves(session: &mut Session, moves: &[StockMove]) -> Result<(), Error> {
    let row =
        |one: &StockMove| (one.id, one.sku_id, one.order_id, one.kind, one.delta, one.actor.clone(), one.created_ms);
    session.execute_later(INSERT_MOVES, Each(moves.iter().map(row).collect())).await
}
