//! Rows of `pushes`.

use super::{Error, Session};
use crate::model::{id::PushId, push::Push, time::Timestamp};

statements! {
    FIND = "SELECT id, appid, dedupe_key, event, content, outcome, received_ms FROM pushes WHERE id = ?";
    FIND_BY_KEY = "SELECT id FROM pushes WHERE dedupe_key = ?";
    INSERT = "INSERT INTO pushes (id, appid, dedupe_key, event, content, outcome, received_ms) VALUES (?, ?, ?, ?, ?, ?, ?)";
    HANDLE = "UPDATE pushes SET outcome = ? WHERE id = ? AND outcome IS NULL";
    HANDLE_AND_BLANK = "UPDATE pushes SET outcome = ?, content = '' WHERE id = ? AND outcome IS NULL";
    PURGE = "DELETE FROM pushes WHERE outcome IS NOT NULL AND received_ms < ?";
}

/// One message.
pub async fn find(session: &mut Session, id: PushId) -> Result<Option<Push>, Error> {
    session.optional(FIND, (id,)).await
}
/// The message that came with this key.
pub async fn find_by_key(session: &mut Session, dedupe_key: &str) -> Result<Option<PushId>, Error> {
    Ok(session.optional::<(PushId,)>(FIND_BY_KEY, (dedupe_key,)).await?.map(|(id,)| id))
}
/// A message; `false` when it came before.
pub async fn insert(session: &mut Session, row: &Push) -> Result<bool, Error> {
    let (key, event) = (row.dedupe_key.as_str(), row.event.as_str());
    let outcome = row.outcome.as_deref();
    let values = (row.id, row.appid.as_str(), key, event, row.content.as_str(), outcome, row.received_ms);
    session.insert_new(INSERT, values).await
}
/// What came of it; what it said is blanked, if that is wanted.
pub async fn handle(session: &mut Session, id: PushId, outcome: &str, blank: bool) -> Result<bool, Error> {
    let statement = if blank { HANDLE_AND_BLANK } else { HANDLE };
    Ok(session.execute(statement, (outcome, id)).await? == 1)
}
/// Forget what was handled and came before; how many there were.
pub async fn purge(session: &mut Session, before: Timestamp) -> Result<u64, Error> {
    session.execute(PURGE, (before,)).await
}
