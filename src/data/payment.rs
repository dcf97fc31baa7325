//! Rows of `prepays` and `payments`.

use super::{Error, Session};
use crate::model::{
    id::{OrderId, PrepayId},
    payment::{Payment, Prepay, PrepayState},
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        (concat!(
            "SELECT id, order_id, out_trade_no, mchid, appid, openid, total_fen, state, prepay_id, prepaid_ms, created_ms ",
            "FROM prepays WHERE ",
            $rest
        ))
    };
}

statements! {
    FIND_PREPAY = (select!("id = ?"));
    FIND_PREPAY_BY_NUMBER = (select!("out_trade_no = ?"));
    LIST_PREPAYS = (select!("order_id = ? ORDER BY id"));
    FIND_OPEN_PREPAY = (select!("order_id = ? AND state = 'open' ORDER BY id DESC LIMIT 1"));
    INSERT_PREPAY = "INSERT INTO prepays (id, order_id, out_trade_no, mchid, appid, openid, total_fen, state, created_ms)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    KEEP_HANDLE = "UPDATE prepays SET prepay_id = ?, prepaid_ms = ? WHERE id = ? AND state = 'open'";
    MOVE_PREPAY = "UPDATE prepays SET state = ? WHERE id = ? AND state = ?";
    PAY_PREPAY = "UPDATE prepays SET state = 'paid' WHERE id = ? AND state <> 'paid'";
    /// Takes the row's lock and changes nothing.
    HOLD = "UPDATE payments SET accepted = accepted WHERE transaction_id = ?";
    FIND_PAYMENT = "SELECT id, transaction_id, order_id, out_trade_no, total_fen, openid, accepted, source, success_ms,
                    created_ms FROM payments WHERE transaction_id = ?";
    LIST_PAYMENTS = "SELECT id, transaction_id, order_id, out_trade_no, total_fen, openid, accepted, source, success_ms,
                     created_ms FROM payments WHERE order_id = ? ORDER BY id";
    INSERT_PAYMENT = "INSERT INTO payments (id, transaction_id, order_id, out_trade_no, total_fen, openid, accepted, source,
                      success_ms, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
}

/// One attempt.
pub async fn find_prepay(session: &mut Session, id: PrepayId) -> Result<Option<Prepay>, Error> {
    session.optional(FIND_PREPAY, (id,)).await
}
/// The attempt with this number at WeChat.
pub async fn find_prepay_by_number(session: &mut Session, out_trade_no: &str) -> Result<Option<Prepay>, Error> {
    session.optional(FIND_PREPAY_BY_NUMBER, (out_trade_no,)).await
}
/// All attempts of an order.
pub async fn list_prepays(session: &mut Session, order: OrderId) -> Result<Vec<Prepay>, Error> {
    session.all(LIST_PREPAYS, (order,)).await
}
/// The attempt that can be paid, if there is one.
pub async fn find_open_prepay(session: &mut Session, order: OrderId) -> Result<Option<Prepay>, Error> {
    session.optional(FIND_OPEN_PREPAY, (order,)).await
}
/// A new attempt.
pub async fn insert_prepay(session: &mut Session, row: &Prepay) -> Result<(), Error> {
    let values = (
        row.id,
        row.order_id,
        row.out_trade_no.as_str(),
        row.mchid.as_str(),
        row.appid.as_str(),
        row.openid.as_str(),
        row.total_fen,
        row.state,
        row.created_ms,
    );
    session.execute(INSERT_PREPAY, values).await.map(drop)
}
/// Keep WeChat's handle of an attempt that is still open.
pub async fn keep_handle(session: &mut Session, id: PrepayId, prepay_id: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(KEEP_HANDLE, (prepay_id, now, id)).await? == 1)
}
/// WeChat has closed the attempt.
pub async fn close_prepay(session: &mut Session, id: PrepayId) -> Result<bool, Error> {
    Ok(session.execute(MOVE_PREPAY, (PrepayState::Closed, id, PrepayState::Open)).await? == 1)
}
/// The attempt was paid; also one that we believed closed.
pub async fn pay_prepay(session: &mut Session, id: PrepayId) -> Result<bool, Error> {
    Ok(session.execute(PAY_PREPAY, (id,)).await? == 1)
}
/// The money with WeChat's number.
pub async fn find(session: &mut Session, transaction_id: &str) -> Result<Option<Payment>, Error> {
    session.optional(FIND_PAYMENT, (transaction_id,)).await
}
/// Hold a payment until the session ends: its refunds are sent one after the other.
pub async fn hold(session: &mut Session, transaction_id: &str) -> Result<bool, Error> {
    Ok(session.execute(HOLD, (transaction_id,)).await? == 1)
}
/// All money that arrived for an order.
pub async fn list(session: &mut Session, order: OrderId) -> Result<Vec<Payment>, Error> {
    session.all(LIST_PAYMENTS, (order,)).await
}
/// Money that arrived; `false` when it is known.
pub async fn insert(session: &mut Session, row: &Payment) -> Result<bool, Error> {
    let values = (
        row.id,
        row.transaction_id.as_str(),
        row.order_id,
        row.out_trade_no.as_str(),
        row.total_fen,
        row.openid.as_str(),
        row.accepted,
        row.source,
        row.success_ms,
        row.created_ms,
    );
    session.insert_new(INSERT_PAYMENT, values).await
}
