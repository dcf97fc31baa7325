//! Rows of `settings`, `setting_changes` and `settings_head`: what a running shop has changed, and how often.

use super::{Error, Session};
use crate::model::setting::{Setting, SettingChange};

statements! {
    /// Also takes the lock that puts all writers of settings and flags in a line.
    STEP = "UPDATE settings_head SET version = version + 1 WHERE id = 1";
    HEAD = "SELECT version FROM settings_head WHERE id = 1";
    FIND = "SELECT name, version, value, staff_id, changed_ms FROM settings WHERE name = ?";
    LIST = "SELECT name, version, value, staff_id, changed_ms FROM settings ORDER BY name";
    INSERT = "INSERT INTO settings (name, version, value, staff_id, changed_ms) VALUES (?, ?, ?, ?, ?)";
    CHANGE = "UPDATE settings SET version = ?, value = ?, staff_id = ?, changed_ms = ? WHERE name = ? AND version = ?";
    REMOVE = "DELETE FROM settings WHERE name = ? AND version = ?";
    INSERT_CHANGE = "INSERT INTO setting_changes (name, version, value, staff_id, changed_ms) VALUES (?, ?, ?, ?, ?)";
    LIST_CHANGES = "SELECT name, version, value, staff_id, changed_ms FROM setting_changes
                    WHERE name = ? ORDER BY version DESC LIMIT ?";
}

/// How often settings and flags were changed.
pub async fn head(session: &mut Session) -> Result<i64, Error> {
    session.number(HEAD, ()).await
}
/// Get in line, and count one more change.
pub async fn step(session: &mut Session) -> Result<i64, Error> {
    session.execute(STEP, ()).await?;
    head(session).await
}
/// One that was changed.
pub async fn find(session: &mut Session, name: &str) -> Result<Option<Setting>, Error> {
    session.optional(FIND, (name,)).await
}
/// All that were changed.
pub async fn list(session: &mut Session) -> Result<Vec<Setting>, Error> {
    session.all(LIST, ()).await
}
/// Change one for the first time; `false` when somebody was faster.
pub async fn insert(session: &mut Session, row: &Setting) -> Result<bool, Error> {
    let Setting { name, version, value, staff_id, changed_ms } = row;
    session.insert_new(INSERT, (name.as_str(), *version, value.as_str(), *staff_id, *changed_ms)).await
}
/// Change one that has this version; `false` when it has another.
pub async fn change(session: &mut Session, row: &Setting, from: i64) -> Result<bool, Error> {
    let Setting { name, version, value, staff_id, changed_ms } = row;
    let values = (*version, value.as_str(), *staff_id, *changed_ms, name.as_str(), from);
    Ok(session.execute(CHANGE, values).await? == 1)
}
/// Give one that has this version back to the file; `false` when it has another.
pub async fn remove(session: &mut Session, name: &str, from: i64) -> Result<bool, Error> {
    Ok(session.execute(REMOVE, (name, from)).await? == 1)
}
/// Write a change down.
pub async fn insert_change(session: &mut Session, row: &SettingChange) -> Result<(), Error> {
    let SettingChange { name, version, value, staff_id, changed_ms } = row;
    let values = (name.as_str(), *version, value.as_deref(), *staff_id, *changed_ms);
    session.execute(INSERT_CHANGE, values).await.map(drop)
}
/// The changes of one, latest first.
pub async fn list_changes(session: &mut Session, name: &str, limit: i64) -> Result<Vec<SettingChange>, Error> {
    session.all(LIST_CHANGES, (name, limit)).await
}
