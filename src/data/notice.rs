//! Rows of `notices` and `refused_notices`.

use super::{Args, Each, Error, Session, Sql};
use crate::model::{
    notice::{Notice, RefusedNotice, WAITING},
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        (concat!(
            "SELECT notify_id, event_type, subject, headers, body, outcome, received, failures, due_ms, received_ms, ",
            "last_ms, settled_ms FROM notices WHERE ",
            $rest
        ))
    };
}

statements! {
    FIND = (select!("notify_id = ?"));
    LIST = (select!("subject IN ({?}) ORDER BY received_ms, notify_id"));
    LIST_WAITING = (select!("outcome = 'waiting' AND due_ms <= ? ORDER BY due_ms, notify_id LIMIT 50"));
    COUNT_WAITING = "SELECT COUNT(*) FROM notices WHERE outcome = 'waiting'";
    FIRST_WAITING = "SELECT MIN(received_ms) FROM notices WHERE outcome = 'waiting'";
    INSERT = "INSERT INTO notices (notify_id, event_type, subject, headers, body, outcome, received, failures, due_ms,
              received_ms, last_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    INSERT_ALL = "INSERT INTO notices (notify_id, event_type, subject, headers, body, outcome, received, failures, due_ms,
                  received_ms, last_ms) VALUES {(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)}";
    COME_AGAIN = "UPDATE notices SET received = received + 1, last_ms = ? WHERE notify_id = ?";
    SETTLE = "UPDATE notices SET outcome = ?, settled_ms = ? WHERE notify_id = ? AND outcome = 'waiting'";
    PUT_OFF = "UPDATE notices SET failures = failures + 1, due_ms = ? WHERE notify_id = ? AND outcome = 'waiting'";
    LIST_REFUSED = "SELECT notify_id, reason, event_type, subject, headers, body, received, received_ms, last_ms
                    FROM refused_notices WHERE subject IN ({?}) ORDER BY received_ms, notify_id";
    INSERT_REFUSED = "INSERT INTO refused_notices (notify_id, reason, event_type, subject, headers, body, received,
                      received_ms, last_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    REFUSE_AGAIN = "UPDATE refused_notices SET received = received + 1, last_ms = ? WHERE notify_id = ? AND reason = ?";
}

/// The statement by which callbacks are stored, to be prepared before one comes: preparing costs a round trip.
pub(super) const STORE: Sql = INSERT;
/// That by which several are.
pub(super) const STORE_ALL: Sql = INSERT_ALL;

/// One callback.
pub async fn find(session: &mut Session, notify_id: &str) -> Result<Option<Notice>, Error> {
    session.optional(FIND, (notify_id,)).await
}
/// The callbacks about any of these numbers, the oldest first.
pub async fn list(session: &mut Session, subjects: &[&str]) -> Result<Vec<Notice>, Error> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    session.all(LIST, Each(subjects.iter().map(|subject| (*subject,)).collect())).await
}
/// Callbacks that nobody settled in their time; at most 50, the longest due first.
pub async fn list_waiting(session: &mut Session, now: Timestamp) -> Result<Vec<Notice>, Error> {
    session.all(LIST_WAITING, (now,)).await
}
/// How many callbacks are stored and not settled.
pub async fn count_waiting(session: &mut Session) -> Result<i64, Error> {
    session.number(COUNT_WAITING, ()).await
}
/// When the first of them came; `None` when there is none.
pub async fn first_waiting(session: &mut Session) -> Result<Option<Timestamp>, Error> {
    let row = session.optional::<(Option<Timestamp>,)>(FIRST_WAITING, ()).await?;
    Ok(row.and_then(|(received,)| received))
}
/// A verified callback, in one statement; `false` when it came before.
pub async fn insert(session: &mut Session, row: &Notice) -> Result<bool, Error> {
    session.insert_new(INSERT, values(row)).await
}
/// Verified callbacks, in one statement; a conflict, and none of them, when one came before.
pub(super) async fn insert_all(session: &mut Session, rows: &[&Notice]) -> Result<(), Error> {
    session.execute(INSERT_ALL, Each(rows.iter().map(|row| values(row)).collect())).await.map(drop)
}

fn values(row: &Notice) -> impl Args<'_> {
    (
        row.notify_id.as_str(),
        row.event_type.as_str(),
        row.subject.as_str(),
        row.headers.as_str(),
        row.body.as_str(),
        WAITING,
        row.received,
        row.failures,
        row.due_ms,
        row.received_ms,
        row.last_ms,
    )
}

/// A known callback came once more.
pub async fn come_again(session: &mut Session, notify_id: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(COME_AGAIN, (now, notify_id)).await? == 1)
}
/// What it came to, in the session of its effect; `false` when that was noted before.
pub async fn settle(session: &mut Session, notify_id: &str, outcome: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(SETTLE, (outcome, now, notify_id)).await? == 1)
}
/// Settling failed: it is tried again when it is due.
pub async fn put_off(session: &mut Session, notify_id: &str, due_ms: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(PUT_OFF, (due_ms, notify_id)).await? == 1)
}
/// The refused callbacks about any of these numbers, the oldest first.
pub async fn list_refused(session: &mut Session, subjects: &[&str]) -> Result<Vec<RefusedNotice>, Error> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    session.all(LIST_REFUSED, Each(subjects.iter().map(|subject| (*subject,)).collect())).await
}
/// A callback that was refused; one that was refused before for the same reason is only counted.
pub async fn insert_refused(session: &mut Session, row: &RefusedNotice) -> Result<(), Error> {
    let (id, reason) = (row.notify_id.as_str(), row.reason.as_str());
    let (event, subject) = (row.event_type.as_str(), row.subject.as_str());
    let (headers, body) = (row.headers.as_str(), row.body.as_str());
    let values = (id, reason, event, subject, headers, body, row.received, row.received_ms, row.last_ms);
    if !session.insert_new(INSERT_REFUSED, values).await? {
        session.execute(REFUSE_AGAIN, (row.last_ms, id, reason)).await?;
    }
    Ok(())
}
