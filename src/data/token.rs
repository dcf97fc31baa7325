//! Rows of `sign_ins`.

use super::{Error, Session};
use crate::model::{
    id::{SignInId, UserId},
    time::Timestamp,
    token::{Audience, SignIn},
};

statements! {
    FIND = "SELECT id, audience, holder_id, appid, openid, salt, generation, rotated_ms, created_ms, expires_ms,
            revoked_ms FROM sign_ins WHERE id = ?";
    INSERT = "INSERT INTO sign_ins (id, audience, holder_id, appid, openid, salt, generation, rotated_ms, created_ms,
              expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    LIST_OF = "SELECT id, audience, holder_id, appid, openid, salt, generation, rotated_ms, created_ms, expires_ms,
               revoked_ms FROM sign_ins WHERE audience = 'buyer' AND holder_id = ? ORDER BY id";
    /// Only the holder of the current generation moves it on.
    ROTATE = "UPDATE sign_ins SET generation = generation + 1, rotated_ms = ?
              WHERE id = ? AND generation = ? AND revoked_ms IS NULL";
    REVOKE = "UPDATE sign_ins SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL";
    REVOKE_ALL = "UPDATE sign_ins SET revoked_ms = ? WHERE audience = ? AND holder_id = ? AND revoked_ms IS NULL";
}

/// One signed-in device.
pub async fn find(session: &mut Session, id: SignInId) -> Result<Option<SignIn>, Error> {
    session.optional(FIND, (id,)).await
}
/// A buyer's devices, also those that were signed out, the oldest first.
pub async fn list_of(session: &mut Session, user: UserId) -> Result<Vec<SignIn>, Error> {
    session.all(LIST_OF, (user,)).await
}
/// A new one.
pub async fn insert(session: &mut Session, row: &SignIn) -> Result<(), Error> {
    let values = (
        row.id,
        row.audience,
        row.holder_id,
        row.appid.as_str(),
        row.openid.as_str(),
        row.salt.as_slice(),
        row.generation,
        row.rotated_ms,
        row.created_ms,
        row.expires_ms,
    );
    session.execute_later(INSERT, values).await
}
/// Retire the refresh token of `generation`; `false` when another call did, or the sign-in has ended.
pub async fn rotate(session: &mut Session, id: SignInId, generation: i64, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(ROTATE, (now, id, generation)).await? == 1)
}
/// End it; `false` when it had ended.
pub async fn revoke(session: &mut Session, id: SignInId, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(REVOKE, (now, id)).await? == 1)
}
/// End all sign-ins of one person; how many there were.
pub async fn revoke_all(
    session: &mut Session,
    audience: Audience,
    holder_id: i64,
    now: Timestamp,
) -> Result<u64, Error> {
    session.execute(REVOKE_ALL, (now, audience, holder_id)).await
}
