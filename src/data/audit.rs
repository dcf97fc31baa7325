//! Rows of `audit` and its head.

use super::{Error, Session};
use crate::model::{id::StaffId, time::Timestamp};

statements! {
    /// Also takes the lock that puts all writers of the chain in a line.
    STEP = "UPDATE audit_head SET seq = seq + 1 WHERE id = 1";
    HEAD = "SELECT seq, hash FROM audit_head WHERE id = 1";
    SET_HEAD = "UPDATE audit_head SET hash = ? WHERE id = 1";
    INSERT = "INSERT INTO audit (seq, at_ms, staff_id, ip, action, target, detail, request_id, prev_hash, hash)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    LIST = "SELECT seq, at_ms, staff_id, ip, action, target, detail, request_id, prev_hash, hash
            FROM audit WHERE seq > ? ORDER BY seq LIMIT ?";
    LIST_OF = "SELECT seq, at_ms, staff_id, ip, action, target, detail, request_id, prev_hash, hash
               FROM audit WHERE target = ? ORDER BY seq LIMIT ?";
}

/// One change that staff made.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditRow {
    /// Its place in the chain, from 1 without a gap.
    pub seq: i64,
    /// When.
    pub at_ms: Timestamp,
    /// Who.
    pub staff_id: StaffId,
    /// From where.
    pub ip: String,
    /// What: `order.ship`.
    pub action: String,
    /// To what: `order:123`.
    pub target: String,
    /// In JSON.
    pub detail: String,
    /// The request.
    pub request_id: String,
    /// Hash of the row before.
    pub prev_hash: String,
    /// Hash of this row and the one before.
    pub hash: String,
}

/// Get in line: the number of the next row and the hash before it.
pub async fn step(session: &mut Session) -> Result<(i64, String), Error> {
    session.execute(STEP, ()).await?;
    session.optional(HEAD, ()).await?.ok_or(Error::Corrupt { table: "audit_head", column: "id", row: "1".to_owned() })
}
/// Write the row and move the head.
pub async fn insert(session: &mut Session, row: &AuditRow) -> Result<(), Error> {
    let values = (
        row.seq,
        row.at_ms,
        row.staff_id,
        row.ip.as_str(),
        row.action.as_str(),
        row.target.as_str(),
        row.detail.as_str(),
        row.request_id.as_str(),
        row.prev_hash.as_str(),
        row.hash.as_str(),
    );
    session.execute(INSERT, values).await?;
    session.execute(SET_HEAD, (row.hash.as_str(),)).await.map(drop)
}
/// The chain's end: how many rows there are, and the last hash.
pub async fn head(session: &mut Session) -> Result<(i64, String), Error> {
    session.optional(HEAD, ()).await?.ok_or(Error::Corrupt { table: "audit_head", column: "id", row: "1".to_owned() })
}
/// Rows after a number, in order.
pub async fn list(session: &mut Session, after: i64, limit: i64) -> Result<Vec<AuditRow>, Error> {
    session.all(LIST, (after, limit)).await
}
/// What staff did to one thing.
pub async fn list_of(session: &mut Session, target: &str, limit: i64) -> Result<Vec<AuditRow>, Error> {
    session.all(LIST_OF, (target, limit)).await
}
