//! Rows of `leases` and `lease_terms`: who has a name, such as that of the leader, and who led.

use super::{Error, Session};
use crate::model::time::Timestamp;

statements! {
    FIND = "SELECT holder, epoch, expires_ms FROM leases WHERE name = ?";
    INSERT = "INSERT INTO leases (name, holder, epoch, expires_ms) VALUES (?, ?, 1, ?)";
    /// Only a lease that ended is taken over, and only by one.
    TAKE = "UPDATE leases SET holder = ?, epoch = epoch + 1, expires_ms = ? WHERE name = ? AND epoch = ? AND expires_ms < ?";
    RENEW = "UPDATE leases SET expires_ms = ? WHERE name = ? AND holder = ? AND epoch = ? AND expires_ms >= ?";
    RESIGN = "UPDATE leases SET expires_ms = 0 WHERE name = ? AND holder = ? AND epoch = ?";
    SAY = "UPDATE leases SET value = ? WHERE name = ? AND epoch = ?";
    LIST_HELD = "SELECT name, epoch, value FROM leases WHERE name >= ? AND name < ? AND expires_ms >= ? ORDER BY name";
    /// Held until the transaction ends: a takeover waits for it. On SQLite a transaction that writes is alone anyway.
    GUARD = {
        mysql: "SELECT epoch FROM leases WHERE name = ? LOCK IN SHARE MODE",
        sqlite: "SELECT epoch FROM leases WHERE name = ?",
    };
    INSERT_TERM = "INSERT INTO lease_terms (name, epoch, holder, started_ms) VALUES (?, ?, ?, ?)";
    LIST_TERMS = "SELECT epoch, holder, started_ms FROM lease_terms WHERE name = ? ORDER BY epoch DESC LIMIT ?";
}

/// A lease as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Lease {
    /// The process that has it.
    pub holder: String,
    /// Grows with each takeover.
    pub epoch: i64,
    /// When it ends unless it is renewed.
    pub expires_ms: Timestamp,
}

/// A lease that somebody has, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Held {
    /// Its name.
    pub name: String,
    /// Grows with each takeover.
    pub epoch: i64,
    /// What its holder says by it; empty for one that is only held.
    pub value: String,
}

/// One time of leading.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Term {
    /// Its number.
    pub epoch: i64,
    /// Who led.
    pub holder: String,
    /// Since when.
    pub started_ms: Timestamp,
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
/// Write down that a term begins, in the session that took the lease.
pub async fn insert_term(session: &mut Session, name: &str, term: &Term) -> Result<(), Error> {
    let Term { epoch, holder, started_ms } = term;
    session.execute(INSERT_TERM, (name, *epoch, holder.as_str(), *started_ms)).await.map(drop)
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
/// End a lease before its time; `false` when it is another's.
pub async fn resign(session: &mut Session, name: &str, holder: &str, epoch: i64) -> Result<bool, Error> {
    Ok(session.execute(RESIGN, (name, holder, epoch)).await? == 1)
}
/// Let a lease say something, in the session that took it.
pub async fn say(session: &mut Session, name: &str, epoch: i64, value: &str) -> Result<(), Error> {
    session.execute(SAY, (value, name, epoch)).await.map(drop)
}
/// Those whose name begins so and that have not ended, in order of name.
pub async fn list_held(session: &mut Session, prefix: &str, now: Timestamp) -> Result<Vec<Held>, Error> {
    session.all(LIST_HELD, (prefix, super::record::behind(prefix), now)).await
}
/// Whether this is the present epoch, which it then stays until the session ends: for writes that only a leader may make.
pub async fn guard(session: &mut Session, name: &str, epoch: i64) -> Result<bool, Error> {
    Ok(session.optional::<(i64,)>(GUARD, (name,)).await? == Some((epoch,)))
}
/// Who led, latest first.
pub async fn list(session: &mut Session, name: &str, limit: i64) -> Result<Vec<Term>, Error> {
    session.all(LIST_TERMS, (name, limit)).await
}
