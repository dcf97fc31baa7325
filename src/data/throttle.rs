//! Rows of `throttles`, and of `job_starts`, which count what is limited a minute.

use super::{Error, Session};
use crate::model::{
    throttle::{MINUTE, Throttle},
    time::Timestamp,
};

statements! {
    LIST = "SELECT scope, name, paused, running_max, per_minute FROM throttles ORDER BY scope, name";
    /// Held until the claim is committed: two who count at the same time would both take the last place.
    LIST_HELD = {
        mysql: "SELECT scope, name, paused, running_max, per_minute FROM throttles ORDER BY scope, name FOR UPDATE",
        sqlite: "SELECT scope, name, paused, running_max, per_minute FROM throttles ORDER BY scope, name",
    };
    INSERT = "INSERT INTO throttles (scope, name, paused, running_max, per_minute) VALUES (?, ?, ?, ?, ?)";
    REMOVE = "DELETE FROM throttles WHERE scope = ? AND name = ?";
    STARTED = "SELECT CAST(SUM(taken) AS SIGNED) FROM job_starts WHERE kind = ? AND at_ms > ?";
    NOTE = "INSERT INTO job_starts (kind, at_ms, lease_token, taken) VALUES (?, ?, ?, ?)";
    FORGET = "DELETE FROM job_starts WHERE kind = ? AND at_ms <= ?";
}

/// All of them.
pub async fn list(session: &mut Session) -> Result<Vec<Throttle>, Error> {
    session.all(LIST, ()).await
}
/// All of them, so that nobody else counts by them before this session ends.
pub async fn list_held(session: &mut Session) -> Result<Vec<Throttle>, Error> {
    session.all(LIST_HELD, ()).await
}
/// Put one in the place of what there is of that name; one that holds nothing back has no row.
pub async fn put(session: &mut Session, row: &Throttle) -> Result<(), Error> {
    let Throttle { scope, name, paused, running_max, per_minute } = row;
    session.execute(REMOVE, (*scope, name.as_str())).await?;
    if !row.is_none() {
        session.execute(INSERT, (*scope, name.as_str(), *paused, *running_max, *per_minute)).await?;
    }
    Ok(())
}
/// How many jobs of a kind began in the minute before `now`.
pub async fn started(session: &mut Session, kind: &str, now: Timestamp) -> Result<i64, Error> {
    session.number(STARTED, (kind, now.minus(MINUTE))).await
}
/// Count jobs of a kind that begin now, under this token; what is older than a minute is forgotten.
pub async fn note(
    session: &mut Session,
    kind: &str,
    lease_token: i64,
    taken: i64,
    now: Timestamp,
) -> Result<(), Error> {
    session.execute(FORGET, (kind, now.minus(MINUTE))).await?;
    session.execute(NOTE, (kind, now, lease_token, taken)).await.map(drop)
}
