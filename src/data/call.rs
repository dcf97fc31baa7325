//! Rows of `wechat_calls`.

use super::{Error, Session};
use crate::model::{call::Call, id::OrderId, time::Timestamp};

statements! {
    LIST = "SELECT id, order_id, operation, subject, answer, message, took_ms, created_ms FROM wechat_calls
            WHERE order_id = ? ORDER BY id";
    INSERT = "INSERT INTO wechat_calls (id, order_id, operation, subject, answer, message, took_ms, created_ms)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    PURGE = "DELETE FROM wechat_calls WHERE created_ms < ?";
}

/// What WeChat was asked about an order.
pub async fn list(session: &mut Session, order: OrderId) -> Result<Vec<Call>, Error> {
    session.all(LIST, (order,)).await
}
/// A call that was answered, or was not.
pub async fn insert(session: &mut Session, row: &Call) -> Result<(), Error> {
    let (subject, answer, message) = (row.subject.as_str(), row.answer.as_str(), row.message.as_str());
    let values = (row.id, row.order_id, row.operation, subject, answer, message, row.took_ms, row.created_ms);
    session.execute(INSERT, values).await.map(drop)
}
/// Forget calls of before; how many there were.
pub async fn purge(session: &mut Session, before: Timestamp) -> Result<u64, Error> {
    session.execute(PURGE, (before,)).await
}
