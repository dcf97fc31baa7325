//! Two rows of one person become one: what moves over in which tables. Like `erasure` it stands together, since it is about all
//! tables that say whose something is.

use super::{Error, Session};
use crate::model::{
    id::{OrderId, SkuId, UserId},
    time::Timestamp,
    user::UserState,
};

statements! {
    MOVE_IDENTITIES = "UPDATE identities SET user_id = ? WHERE user_id = ?";
    MOVE_ORDERS = "UPDATE orders SET user_id = ? WHERE user_id = ?";
    MOVE_MESSAGES = "UPDATE messages SET user_id = ? WHERE user_id = ?";
    YIELD_DEFAULT = "UPDATE addresses SET is_default = ? WHERE user_id = ?";
    MOVE_ADDRESSES = "UPDATE addresses SET user_id = ?, updated_ms = ? WHERE user_id = ?";
    /// A pending one gives its slot back: the slots of the other may be taken.
    MOVE_UPLOADS = "UPDATE uploads SET owner_id = ?, slot = id, updated_ms = ? WHERE owner = 'user' AND owner_id = ?";
    CART = "SELECT sku_id, qty, updated_ms FROM cart_items WHERE user_id = ? ORDER BY sku_id";
    PUT = "INSERT INTO cart_items (user_id, sku_id, qty, updated_ms) VALUES (?, ?, ?, ?)";
    RAISE = "UPDATE cart_items SET qty = ? WHERE user_id = ? AND sku_id = ? AND qty < ?";
    FORGET_CART = "DELETE FROM cart_items WHERE user_id = ?";
    FORGET_SIGN_INS = "DELETE FROM sign_ins WHERE audience = 'buyer' AND holder_id = ?";
    REPLIES = "SELECT key_hash, request_hash, reply, created_ms FROM idempotency_keys WHERE scope = ?";
    KEEP_REPLY = "INSERT INTO idempotency_keys (scope, key_hash, request_hash, reply, created_ms) VALUES (?, ?, ?, ?, ?)";
    FORGET_REPLIES = "DELETE FROM idempotency_keys WHERE scope = ?";
    LEAVE = "UPDATE users SET unionid = NULL, nickname = '', avatar_url = '', phone_sealed = NULL, phone_index = NULL, state = ?,
             deleted_ms = ?, merged_into = ?, version = version + 1, updated_ms = ? WHERE id = ? AND state <> ?";
    FOLLOW = "UPDATE users SET merged_into = ? WHERE merged_into = ?";
    MERGED = "SELECT id FROM users WHERE merged_into = ? ORDER BY id";
    ORDERS = "SELECT id FROM orders WHERE user_id = ?";
}

/// The row of `gone` becomes the name of somebody who is `keeper` now; `false` when it was nobody before.
pub async fn leave(session: &mut Session, gone: UserId, keeper: UserId, now: Timestamp) -> Result<bool, Error> {
    let deleted = UserState::Deleted;
    session.execute(FOLLOW, (keeper, gone)).await?;
    Ok(session.execute(LEAVE, (deleted, now, keeper, now, gone, deleted)).await? == 1)
}

/// Who became this person.
pub async fn list_merged(session: &mut Session, keeper: UserId) -> Result<Vec<UserId>, Error> {
    Ok(session.all::<(UserId,)>(MERGED, (keeper,)).await?.into_iter().map(|(id,)| id).collect())
}

/// Accounts, orders, messages and pictures change hands; how many orders.
pub async fn carry(session: &mut Session, gone: UserId, keeper: UserId, now: Timestamp) -> Result<usize, Error> {
    let orders: Vec<(OrderId,)> = session.all(ORDERS, (gone,)).await?;
    session.execute(MOVE_IDENTITIES, (keeper, gone)).await?;
    session.execute(MOVE_ORDERS, (keeper, gone)).await?;
    session.execute(MOVE_MESSAGES, (keeper, gone)).await?;
    session.execute(MOVE_UPLOADS, (keeper, now, gone)).await?;
    session.execute(FORGET_SIGN_INS, (gone,)).await?;
    Ok(orders.len())
}

/// Addresses change hands; where the keeper has some, its default one stays the default.
pub async fn carry_addresses(
    session: &mut Session,
    gone: UserId,
    keeper: UserId,
    has_own: bool,
    now: Timestamp,
) -> Result<(), Error> {
    if has_own {
        session.execute(YIELD_DEFAULT, (false, gone)).await?;
    }
    session.execute(MOVE_ADDRESSES, (keeper, now, gone)).await.map(drop)
}

/// One cart of two: of a SKU that is in both, the larger number of pieces.
pub async fn carry_cart(session: &mut Session, gone: UserId, keeper: UserId) -> Result<(), Error> {
    let items: Vec<(SkuId, i64, Timestamp)> = session.all(CART, (gone,)).await?;
    for (sku, qty, updated) in items {
        if !session.insert_new(PUT, (keeper, sku, qty, updated)).await? {
            session.execute(RAISE, (qty, keeper, sku, qty)).await?;
        }
    }
    session.execute(FORGET_CART, (gone,)).await.map(drop)
}

/// What was answered to requests stays answered, whoever repeats them. Where both used a key, the keeper's counts.
pub async fn carry_replies(session: &mut Session, gone: UserId, keeper: UserId) -> Result<(), Error> {
    let (from, to) = (format!("buyer:{gone}"), format!("buyer:{keeper}"));
    let replies: Vec<(String, String, String, Timestamp)> = session.all(REPLIES, (from.as_str(),)).await?;
    for (key, request, reply, created) in replies {
        session.insert_new(KEEP_REPLY, (to.as_str(), key, request, reply, created)).await?;
    }
    session.execute(FORGET_REPLIES, (from,)).await.map(drop)
}
