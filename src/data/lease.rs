//! Rows of `leases`: who leads.

use super::{Error, Session};
use crate::model::time::Timestamp;

statements! {
    FIND = "SELECT holder, epoch, expires_ms FROM leases WHERE name = ?";
    INSERT = "INSERT INTO leases (name, holder, epoch, expires_ms) VALUES (?, ?, 1, ?)";
    /// Only a lease that ended is taken over, and only by one.
    TAKE = "UPDATE leases SET holder = ?, epoch = epoch + 1, expires_ms = ? WHERE name = ? AND epoch = ? AND expires_ms < ?";
    RENEW = "UPDATE leases SET expires_ms = ? WHERE name = ? AND holder = ? AND epoch = ? AND expires_ms >= ?";
}

/// A lease as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Lease {
    /// The node that has it.
    pub holder: String,
    /// Grows with each takeover.
    pub epoch: i64,
    /// When it ends unless it is renewed.
    pub expires_ms: Timestamp,
}

/// The lease of that name.
pub async fn find(session: &mut Session, name: &str) -> Result<Option<Lease>, Error> {
    session.optional(FIND, (name,)).await
}
/// Take a lease that nobody ever had; `false` when somebody was faster.
pub async fn insert(session: &mut Session, name: &str, holder: &str, until: Timestamp) -> Result<bool, Error> {
    session.insert_new(INSERT, (name, holder, until)).await
}
/// Take over a lease that ended; `false` when somebody was faster.
pub async fn take(
    session: &mut Session,
    name: &str,
    holder: &str,
    epoch: i64,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(TAKE, (holder, until, name, epoch, now)).await? == 1)
}
/// Keep a lease; `false` when it ended or is another's.
pub async fn renew(
    session: &mut Session,
    name: &str,
    holder: &str,
    epoch: i64,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(RENEW, (until, name, holder, epoch, now)).await? == 1)
}
