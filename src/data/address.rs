//! Rows of `addresses`. Every statement names the owner: nobody reaches another's row.

use super::{Error, Session};
use crate::model::{
    address::StoredAddress,
    id::{AddressId, UserId},
    time::Timestamp,
};

statements! {
    HOLD = {
        mysql: "SELECT id FROM users WHERE id = ? AND state <> 'deleted' FOR UPDATE",
        sqlite: "SELECT id FROM users WHERE id = ? AND state <> 'deleted'",
    };
    LIST = "SELECT id, sealed, is_default, created_ms FROM addresses WHERE user_id = ? ORDER BY is_default DESC, id DESC";
    FIND = "SELECT id, sealed, is_default, created_ms FROM addresses WHERE user_id = ? AND id = ?";
    /// One statement for the address and for the lock on its owner.
    FIND_HELD = {
        mysql: "SELECT a.id, a.sealed, a.is_default, a.created_ms FROM addresses a JOIN users u ON u.id = a.user_id
                WHERE a.user_id = ? AND a.id = ? AND u.state <> 'deleted' LOCK IN SHARE MODE",
        sqlite: "SELECT a.id, a.sealed, a.is_default, a.created_ms FROM addresses a JOIN users u ON u.id = a.user_id
                 WHERE a.user_id = ? AND a.id = ? AND u.state <> 'deleted'",
    };
    COUNT = "SELECT COUNT(*) FROM addresses WHERE user_id = ?";
    INSERT = "INSERT INTO addresses (id, user_id, sealed, is_default, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?)";
    UPDATE = "UPDATE addresses SET sealed = ?, is_default = ?, updated_ms = ? WHERE user_id = ? AND id = ?";
    REMOVE = "DELETE FROM addresses WHERE user_id = ? AND id = ?";
    CLEAR_DEFAULT = "UPDATE addresses SET is_default = ? WHERE user_id = ? AND id <> ? AND is_default = ?";
}

/// Nobody else changes which addresses a buyer has until this session ends. Without it, two that are added at once would
/// not see each other: `InnoDB` passes over a row whose insertion is not committed when it looks for rows to update. `false`
/// when the buyer is gone.
pub async fn hold(session: &mut Session, user: UserId) -> Result<bool, Error> {
    Ok(session.optional::<(UserId,)>(HOLD, (user,)).await?.is_some())
}

/// A buyer's addresses, the default one first.
pub async fn list(session: &mut Session, user: UserId) -> Result<Vec<StoredAddress>, Error> {
    session.all(LIST, (user,)).await
}
/// One of a buyer's addresses.
pub async fn find(session: &mut Session, user: UserId, id: AddressId) -> Result<Option<StoredAddress>, Error> {
    session.optional(FIND, (user, id)).await
}
/// One of a buyer's addresses, for an order: until the session ends the buyer does not go, nor the address. `None` also when
/// the buyer is gone.
pub async fn find_held(session: &mut Session, user: UserId, id: AddressId) -> Result<Option<StoredAddress>, Error> {
    session.optional(FIND_HELD, (user, id)).await
}
/// How many a buyer has.
pub async fn count(session: &mut Session, user: UserId) -> Result<i64, Error> {
    session.number(COUNT, (user,)).await
}
/// A new one.
pub async fn insert(session: &mut Session, user: UserId, row: &StoredAddress) -> Result<(), Error> {
    let values = (row.id, user, row.sealed.as_slice(), row.is_default, row.created_ms, row.created_ms);
    session.execute(INSERT, values).await.map(drop)
}
/// Change one; `false` when the buyer has no such address.
pub async fn update(session: &mut Session, user: UserId, row: &StoredAddress, now: Timestamp) -> Result<bool, Error> {
    let values = (row.sealed.as_slice(), row.is_default, now, user, row.id);
    Ok(session.execute(UPDATE, values).await? == 1)
}
/// Forget one.
pub async fn remove(session: &mut Session, user: UserId, id: AddressId) -> Result<bool, Error> {
    Ok(session.execute(REMOVE, (user, id)).await? == 1)
}
/// Let no other one be the default.
pub async fn clear_default(session: &mut Session, user: UserId, but: AddressId) -> Result<(), Error> {
    session.execute(CLEAR_DEFAULT, (false, user, but, true)).await.map(drop)
}
