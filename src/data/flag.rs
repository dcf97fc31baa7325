//! Rows of `flags` and `flag_changes`. Their version is that of `settings_head`: see [`setting`](super::setting).

use super::{Error, Session};
use crate::model::flag::{Flag, FlagChange};

statements! {
    FIND = "SELECT name, version, rule, staff_id, changed_ms FROM flags WHERE name = ?";
    LIST = "SELECT name, version, rule, staff_id, changed_ms FROM flags ORDER BY name";
    COUNT = "SELECT COUNT(*) FROM flags";
    INSERT = "INSERT INTO flags (name, version, rule, staff_id, changed_ms) VALUES (?, ?, ?, ?, ?)";
    CHANGE = "UPDATE flags SET version = ?, rule = ?, staff_id = ?, changed_ms = ? WHERE name = ? AND version = ?";
    REMOVE = "DELETE FROM flags WHERE name = ?";
    INSERT_CHANGE = "INSERT INTO flag_changes (name, version, rule, staff_id, changed_ms) VALUES (?, ?, ?, ?, ?)";
    LIST_CHANGES = "SELECT name, version, rule, staff_id, changed_ms FROM flag_changes
                    WHERE name = ? ORDER BY version DESC LIMIT ?";
}

/// One flag.
pub async fn find(session: &mut Session, name: &str) -> Result<Option<Flag>, Error> {
    session.optional(FIND, (name,)).await
}
/// All flags.
pub async fn list(session: &mut Session) -> Result<Vec<Flag>, Error> {
    session.all(LIST, ()).await
}
/// How many there are.
pub async fn count(session: &mut Session) -> Result<i64, Error> {
    session.number(COUNT, ()).await
}
/// A new one; `false` when it is there.
pub async fn insert(session: &mut Session, row: &Flag) -> Result<bool, Error> {
    let Flag { name, version, rule, staff_id, changed_ms } = row;
    session.insert_new(INSERT, (name.as_str(), *version, rule.as_str(), *staff_id, *changed_ms)).await
}
/// Change one that has this version; `false` when it has another.
pub async fn change(session: &mut Session, row: &Flag, from: i64) -> Result<bool, Error> {
    let Flag { name, version, rule, staff_id, changed_ms } = row;
    let values = (*version, rule.as_str(), *staff_id, *changed_ms, name.as_str(), from);
    Ok(session.execute(CHANGE, values).await? == 1)
}
/// Take one away; `false` when there is none.
pub async fn remove(session: &mut Session, name: &str) -> Result<bool, Error> {
    Ok(session.execute(REMOVE, (name,)).await? == 1)
}
/// Write a change down.
pub async fn insert_change(session: &mut Session, row: &FlagChange) -> Result<(), Error> {
    let FlagChange { name, version, rule, staff_id, changed_ms } = row;
    let values = (name.as_str(), *version, rule.as_deref(), *staff_id, *changed_ms);
    session.execute(INSERT_CHANGE, values).await.map(drop)
}
/// The changes of one, latest first.
pub async fn list_changes(session: &mut Session, name: &str, limit: i64) -> Result<Vec<FlagChange>, Error> {
    session.all(LIST_CHANGES, (name, limit)).await
}
