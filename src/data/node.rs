//! Rows of `nodes`: which processes work on this database, and whose a node number is.

use super::{Error, Session};
use crate::model::{node::Node, time::Timestamp};

statements! {
    LIST = "SELECT number, holder, address, version, state, started_ms, heartbeat_ms, expires_ms, skew_ms, settings_version
            FROM nodes ORDER BY number";
    INSERT = "INSERT INTO nodes (number, holder, address, version, state, started_ms, heartbeat_ms, expires_ms, skew_ms,
              settings_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// Only from the holder that was seen, and only when that one has gone or has given no sign of life for its time.
    TAKE = "UPDATE nodes SET holder = ?, address = ?, version = ?, state = ?, started_ms = ?, heartbeat_ms = ?, expires_ms = ?,
            skew_ms = ?, settings_version = ?
            WHERE number = ? AND holder = ? AND (state = 'gone' OR expires_ms < ?)";
    BEAT = "UPDATE nodes SET state = ?, heartbeat_ms = ?, expires_ms = ?, skew_ms = ?, settings_version = ?
            WHERE number = ? AND holder = ? AND state <> 'gone'";
    LEAVE = "UPDATE nodes SET state = 'gone', heartbeat_ms = ?, expires_ms = ? WHERE number = ? AND holder = ?";
    ALIVE = "SELECT COUNT(*) FROM nodes WHERE state IN ('serving', 'draining') AND heartbeat_ms >= ?";
}

/// All numbers that were ever used, with their last holders.
pub async fn list(session: &mut Session) -> Result<Vec<Node>, Error> {
    session.all(LIST, ()).await
}
/// Take a number that nobody ever had; `false` when somebody was faster.
pub async fn insert(session: &mut Session, row: &Node) -> Result<bool, Error> {
    let Node { holder, address, version, .. } = row;
    let values = (
        row.number,
        holder.as_str(),
        address.as_str(),
        version.as_str(),
        row.state,
        row.started_ms,
        row.heartbeat_ms,
        row.expires_ms,
        row.skew_ms,
        row.settings_version,
    );
    session.insert_new(INSERT, values).await
}
/// Take the number of a holder that is gone; `false` when it is not, or somebody was faster.
pub async fn take(session: &mut Session, row: &Node, from: &str, now: Timestamp) -> Result<bool, Error> {
    let Node { holder, address, version, .. } = row;
    let values = (
        holder.as_str(),
        address.as_str(),
        version.as_str(),
        row.state,
        row.started_ms,
        row.heartbeat_ms,
        row.expires_ms,
        row.skew_ms,
        row.settings_version,
        row.number,
        from,
        now,
    );
    Ok(session.execute(TAKE, values).await? == 1)
}
/// A sign of life; `false` when the number is another's by now.
pub async fn beat(session: &mut Session, row: &Node) -> Result<bool, Error> {
    let Node { number, state, heartbeat_ms, expires_ms, skew_ms, settings_version, .. } = row;
    let values = (*state, *heartbeat_ms, *expires_ms, *skew_ms, *settings_version, *number, row.holder.as_str());
    Ok(session.execute(BEAT, values).await? == 1)
}
/// Give the number back; ids up to `used` were made with it.
pub async fn leave(
    session: &mut Session,
    number: i64,
    holder: &str,
    used: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(LEAVE, (now, used, number, holder)).await? == 1)
}
/// How many nodes serve and have given a sign of life since.
pub async fn count(session: &mut Session, since: Timestamp) -> Result<i64, Error> {
    session.number(ALIVE, (since,)).await
}
