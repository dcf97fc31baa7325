//! Rows of `refunds`.

use super::{Error, Session};
use crate::model::{
    id::{OrderId, RefundId},
    refund::{Refund, RefundState},
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        (concat!(
            "SELECT id, order_id, transaction_id, out_refund_no, refund_id, amount_fen, paid_fen, cause, reason, state, ",
            "created_ms, sent_ms, last_sent_ms, last_error, retry_of, ended_ms, pictures FROM refunds WHERE ",
            $rest
        ))
    };
}

statements! {
    FIND = (select!("id = ?"));
    FIND_BY_NUMBER = (select!("out_refund_no = ?"));
    LIST = (select!("order_id = ? ORDER BY id"));
    LIST_IN = (select!("state = ? AND id < ? ORDER BY id DESC LIMIT ?"));
    LIST_ALL = (select!("id < ? ORDER BY id DESC LIMIT ?"));
    INSERT = "INSERT INTO refunds (id, order_id, transaction_id, out_refund_no, amount_fen, paid_fen, cause, reason, state,
              created_ms, retry_of, pictures) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// Only a refund that stands where it was seen is moved.
    ADVANCE = "UPDATE refunds SET state = ?, refund_id = COALESCE(?, refund_id), ended_ms = ?, last_error = NULL
               WHERE id = ? AND state = ?";
    SEND = "UPDATE refunds SET sent_ms = COALESCE(sent_ms, ?), last_sent_ms = ? WHERE id = ? AND state = 'approved'";
    /// Why it did not go, also of one that has ended without having gone.
    EXPLAIN = "UPDATE refunds SET last_error = ? WHERE id = ? AND state IN ('approved', 'closed')";
    COUNT = "SELECT COUNT(*) FROM refunds WHERE transaction_id = ? AND state <> 'rejected'";
    /// Rows from before `last_sent_ms` have only the first time.
    LAST_SENT = "SELECT MAX(COALESCE(last_sent_ms, sent_ms)) FROM refunds WHERE transaction_id = ? AND id <> ?";
    FIND_RETRY = (select!("retry_of = ?"));
}

/// One refund.
pub async fn find(session: &mut Session, id: RefundId) -> Result<Option<Refund>, Error> {
    session.optional(FIND, (id,)).await
}
/// The refund with our number at WeChat.
pub async fn find_by_number(session: &mut Session, out_refund_no: &str) -> Result<Option<Refund>, Error> {
    session.optional(FIND_BY_NUMBER, (out_refund_no,)).await
}
/// The refunds of an order.
pub async fn list(session: &mut Session, order: OrderId) -> Result<Vec<Refund>, Error> {
    session.all(LIST, (order,)).await
}
/// All refunds, or those in one state, latest first.
pub async fn list_all(
    session: &mut Session,
    state: Option<RefundState>,
    before: i64,
    limit: i64,
) -> Result<Vec<Refund>, Error> {
    match state {
        None => session.all(LIST_ALL, (before, limit)).await,
        Some(state) => session.all(LIST_IN, (state, before, limit)).await,
    }
}
/// A new refund; `false` when its number is taken, which for late and second money means that it is on its way.
pub async fn insert(session: &mut Session, row: &Refund) -> Result<bool, Error> {
    let values = (
        row.id,
        row.order_id,
        row.transaction_id.as_str(),
        row.out_refund_no.as_str(),
        row.amount_fen,
        row.paid_fen,
        row.cause,
        row.reason.as_str(),
        row.state,
        row.created_ms,
        row.retry_of,
        row.pictures.as_deref(),
    );
    session.insert_new(INSERT, values).await
}
/// Move a refund from where it was seen; `false` when it stands elsewhere by now.
pub async fn advance(
    session: &mut Session,
    seen: &Refund,
    to: RefundState,
    refund_id: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let over = matches!(to, RefundState::Succeeded | RefundState::Rejected | RefundState::Closed);
    Ok(session.execute(ADVANCE, (to, refund_id, over.then_some(now), seen.id, seen.state)).await? == 1)
}
/// Note that the refund is about to be sent: for the first time, or once more.
pub async fn send(session: &mut Session, id: RefundId, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(SEND, (now, now, id)).await? == 1)
}
/// Note why the refund did not go, in up to 255 characters.
pub async fn explain(session: &mut Session, id: RefundId, error: &str) -> Result<bool, Error> {
    Ok(session.execute(EXPLAIN, (error, id)).await? == 1)
}
/// The refund that took the place of this one.
pub async fn find_retry(session: &mut Session, id: RefundId) -> Result<Option<Refund>, Error> {
    session.optional(FIND_RETRY, (id,)).await
}
/// How many refunds of a payment there are.
pub async fn count(session: &mut Session, transaction_id: &str) -> Result<i64, Error> {
    session.number(COUNT, (transaction_id,)).await
}
/// When a refund of a payment was sent last, other than this one.
pub async fn last_sent(session: &mut Session, transaction_id: &str, but: RefundId) -> Result<Option<Timestamp>, Error> {
    let row = session.optional::<(Option<Timestamp>,)>(LAST_SENT, (transaction_id, but)).await?;
    Ok(row.and_then(|(sent,)| sent))
}
