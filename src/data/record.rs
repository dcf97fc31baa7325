//! Rows of `records`: what processes agree on, each under a version.

use super::{Error, Session};
use crate::model::time::Timestamp;

statements! {
    LIST = "SELECT name, version, value FROM records WHERE name >= ? AND name < ? ORDER BY name";
    INSERT = "INSERT INTO records (name, version, value, changed_ms) VALUES (?, 1, ?, ?)";
    CHANGE = "UPDATE records SET version = version + 1, value = ?, changed_ms = ? WHERE name = ? AND version = ?";
}

/// A record as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// How often it was written.
    pub version: i64,
    /// What it says.
    pub value: String,
}

/// The first text behind all that begin so; names are of ASCII.
pub(super) fn behind(prefix: &str) -> String {
    format!("{prefix}\u{7f}")
}

/// Those whose name begins so, in order of name.
pub async fn list(session: &mut Session, prefix: &str) -> Result<Vec<Record>, Error> {
    session.all(LIST, (prefix, behind(prefix))).await
}
/// Write one for the first time; `false` when somebody was faster.
pub async fn insert(session: &mut Session, name: &str, value: &str, now: Timestamp) -> Result<bool, Error> {
    session.insert_new(INSERT, (name, value, now)).await
}
/// Change one that has this version; `false` when it has another.
pub async fn change(session: &mut Session, name: &str, value: &str, from: i64, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(CHANGE, (value, now, name, from)).await? == 1)
}
