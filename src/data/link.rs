//! Rows of `links`.

use super::{Error, Session};
use crate::model::{link::Link, time::Timestamp};

macro_rules! select {
    ($rest:literal) => {
        (concat!("SELECT id, kind, appid, page, query, version, url, expires_ms, created_ms FROM links WHERE ", $rest))
    };
}

statements! {
    FIND = (select!("fingerprint = ? AND expires_ms >= ? ORDER BY expires_ms DESC LIMIT 1"));
    LIST = (select!("id < ? ORDER BY id DESC LIMIT ?"));
    COUNT = "SELECT COUNT(*) FROM links WHERE appid = ? AND created_ms >= ?";
    INSERT = "INSERT INTO links (id, kind, fingerprint, appid, page, query, version, url, expires_ms, created_ms)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
}

/// The link that was asked for in these words and opens until then or longer.
pub async fn find(session: &mut Session, fingerprint: &str, until: Timestamp) -> Result<Option<Link>, Error> {
    session.optional(FIND, (fingerprint, until)).await
}
/// All links, latest first.
pub async fn list(session: &mut Session, before: i64, limit: i64) -> Result<Vec<Link>, Error> {
    session.all(LIST, (before, limit)).await
}
/// How many of a mini-program were made since.
pub async fn count(session: &mut Session, appid: &str, since: Timestamp) -> Result<i64, Error> {
    session.number(COUNT, (appid, since)).await
}
/// A new link.
pub async fn insert(session: &mut Session, row: &Link, fingerprint: &str) -> Result<(), Error> {
    let texts = (row.appid.as_str(), row.page.as_str(), row.query.as_str(), row.url.as_str());
    let values = (
        row.id,
        row.kind,
        fingerprint,
        texts.0,
        texts.1,
        texts.2,
        row.version,
        texts.3,
        row.expires_ms,
        row.created_ms,
    );
    session.execute(INSERT, values).await.map(drop)
}
