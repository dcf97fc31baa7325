//! Rows of `cart_items`.

use super::{Each, Error, Session, Then};
use crate::model::{
    cart::CartItem,
    id::{SkuId, UserId},
    time::Timestamp,
};

statements! {
    LIST = "SELECT c.sku_id, k.product_id, p.title, k.name AS sku_name, p.cover_url, k.price_fen, c.qty, s.left_qty,
            k.active, p.state
            FROM cart_items c JOIN skus k ON k.id = c.sku_id JOIN products p ON p.id = k.product_id
            JOIN stock s ON s.sku_id = c.sku_id WHERE c.user_id = ? ORDER BY c.updated_ms DESC, c.sku_id";
    COUNT = "SELECT COUNT(*) FROM cart_items WHERE user_id = ? AND sku_id <> ?";
    PUT = {
        mysql: "INSERT INTO cart_items (user_id, sku_id, qty, updated_ms) VALUES (?, ?, ?, ?)
                ON DUPLICATE KEY UPDATE qty = VALUES(qty), updated_ms = VALUES(updated_ms)",
        sqlite: "INSERT INTO cart_items (user_id, sku_id, qty, updated_ms) VALUES (?, ?, ?, ?)
                 ON CONFLICT (user_id, sku_id) DO UPDATE SET qty = excluded.qty, updated_ms = excluded.updated_ms",
    };
    REMOVE = "DELETE FROM cart_items WHERE user_id = ? AND sku_id IN ({?})";
}

/// The cart, last touched first.
pub async fn list(session: &mut Session, user: UserId) -> Result<Vec<CartItem>, Error> {
    session.all(LIST, (user,)).await
}
/// Lines of other SKUs.
pub async fn count_others(session: &mut Session, user: UserId, sku: SkuId) -> Result<i64, Error> {
    session.number(COUNT, (user, sku)).await
}
/// Want so many pieces of a SKU.
pub async fn put(session: &mut Session, user: UserId, sku: SkuId, qty: i64, now: Timestamp) -> Result<(), Error> {
    session.execute(PUT, (user, sku, qty, now)).await.map(drop)
}
/// Take lines out, if they are there.
pub async fn remove(session: &mut Session, user: UserId, skus: &[SkuId]) -> Result<(), Error> {
    session.execute_later(REMOVE, Then((user,), Each(skus.iter().map(|sku| (*sku,)).collect()))).await
}
