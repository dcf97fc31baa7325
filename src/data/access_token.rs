//! Rows of `access_tokens`: WeChat's token of each mini-program, who fetches the next one, and how often one was forced.

use super::{Error, Session};
use crate::model::time::Timestamp;

statements! {
    FIND = "SELECT token, version, expires_ms, fetched_by, fetched_ms, lease_ms, forced_day, forced_count
            FROM access_tokens WHERE appid = ?";
    /// Nobody has fetched one yet.
    INSERT = "INSERT INTO access_tokens (appid, token, version, expires_ms, fetched_by, fetched_ms, lease, lease_ms, forced_day,
              forced_count, forced_ms) VALUES (?, ?, 0, 0, '', 0, 0, 0, 0, 0, 0)";
    /// Only one fetches the successor of a version, until the lease ends.
    CLAIM = "UPDATE access_tokens SET lease = ?, lease_ms = ? WHERE appid = ? AND version = ? AND lease_ms < ?";
    /// The day is set after the count, which still reads the old one.
    FORCE = "UPDATE access_tokens
             SET forced_count = CASE WHEN forced_day = ? THEN forced_count + 1 ELSE 1 END, forced_day = ?, forced_ms = ?
             WHERE appid = ? AND lease = ? AND forced_ms <= ? AND (forced_day <> ? OR forced_count < ?)";
    PUT = "UPDATE access_tokens SET token = ?, version = version + 1, expires_ms = ?, fetched_by = ?, fetched_ms = ?, lease = 0,
           lease_ms = 0 WHERE appid = ? AND lease = ?";
    RELEASE = "UPDATE access_tokens SET lease = 0, lease_ms = 0 WHERE appid = ? AND lease = ?";
}

/// A token as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AccessToken {
    /// Sealed; empty while there was none.
    pub token: Vec<u8>,
    /// Grows with each fetch; 0 while there was none.
    pub version: i64,
    /// When it dies.
    pub expires_ms: Timestamp,
    /// The process that fetched it.
    pub fetched_by: String,
    /// When.
    pub fetched_ms: Timestamp,
    /// Until when somebody is fetching the next one.
    pub lease_ms: Timestamp,
    /// The day in Shanghai on which one was last forced, `yyyymmdd`.
    pub forced_day: i64,
    /// How often on that day.
    pub forced_count: i64,
}

/// Forced fetches that WeChat allows.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// On one day.
    pub count_max: i64,
    /// None may have been forced after this.
    pub before: Timestamp,
}

/// The token of a mini-program.
pub async fn find(session: &mut Session, appid: &str) -> Result<Option<AccessToken>, Error> {
    session.optional(FIND, (appid,)).await
}
/// A row for a mini-program that has none; `false` when somebody was faster.
pub async fn insert(session: &mut Session, appid: &str) -> Result<bool, Error> {
    session.insert_new(INSERT, (appid, Vec::<u8>::new())).await
}
/// Begin to fetch the successor of a version; `false` when somebody does so already, or has done so.
pub async fn claim(
    session: &mut Session,
    appid: &str,
    version: i64,
    lease: i64,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(CLAIM, (lease, until, appid, version, now)).await? == 1)
}
/// Count one forced fetch; `false` when WeChat would not allow it, or the lease was lost.
pub async fn force(
    session: &mut Session,
    appid: &str,
    lease: i64,
    allowed: Allowance,
    now: Timestamp,
) -> Result<bool, Error> {
    let (day, Allowance { count_max, before }) = (now.day(), allowed);
    let values = (day, day, now, appid, lease, before, day, count_max);
    Ok(session.execute(FORCE, values).await? == 1)
}
/// Keep what was fetched; `false` when the lease was lost.
pub async fn put(
    session: &mut Session,
    appid: &str,
    lease: i64,
    sealed: &[u8],
    expires: Timestamp,
    holder: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(PUT, (sealed, expires, holder, now, appid, lease)).await? == 1)
}
/// Let somebody else fetch; `false` when the lease was lost.
pub async fn release(session: &mut Session, appid: &str, lease: i64) -> Result<bool, Error> {
    Ok(session.execute(RELEASE, (appid, lease)).await? == 1)
}
