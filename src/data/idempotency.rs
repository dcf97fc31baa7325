//! Rows of `idempotency_keys`.

use super::{Error, Session};
use crate::model::{idempotency::StoredReply, time::Timestamp};

statements! {
    FIND = "SELECT request_hash, reply FROM idempotency_keys WHERE scope = ? AND key_hash = ?";
    INSERT = "INSERT INTO idempotency_keys (scope, key_hash, request_hash, reply, created_ms) VALUES (?, ?, ?, ?, ?)";
    KEEP = "UPDATE idempotency_keys SET reply = ? WHERE scope = ? AND key_hash = ?";
    PURGE = "DELETE FROM idempotency_keys WHERE created_ms < ?";
}

/// What was answered to a key before.
pub async fn find(session: &mut Session, scope: &str, key_hash: &str) -> Result<Option<StoredReply>, Error> {
    session.optional(FIND, (scope, key_hash)).await
}
/// Take the key before the work; the reply is empty until it is kept. `false` when it is taken.
pub async fn insert(
    session: &mut Session,
    scope: &str,
    key_hash: &str,
    reply: &StoredReply,
    now: Timestamp,
) -> Result<bool, Error> {
    let row = (scope, key_hash, reply.request_hash.as_str(), reply.reply.as_str(), now);
    session.insert_new(INSERT, row).await
}
/// Keep the answer of a key that was taken in this session.
pub async fn keep(session: &mut Session, scope: &str, key_hash: &str, reply: &str) -> Result<bool, Error> {
    Ok(session.execute(KEEP, (reply, scope, key_hash)).await? == 1)
}
/// Forget answers older than `before`; how many there were.
pub async fn purge(session: &mut Session, before: Timestamp) -> Result<u64, Error> {
    session.execute(PURGE, (before,)).await
}
