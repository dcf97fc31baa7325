//! What WeChat was asked, for the time line of an order.

use crate::model::{
    id::{CallId, OrderId},
    time::Timestamp,
};

word_enum! {
    /// What WeChat Pay was asked to do.
    pub enum Operation {
        /// Take a payment.
        Prepay = "prepay",
        /// Say whether it was paid.
        Query = "query",
        /// Let it not be paid any more.
        Close = "close",
        /// Give money back.
        Refund = "refund",
        /// Say how a refund stands.
        QueryRefund = "query_refund",
    }
}

/// One call to WeChat Pay.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Call {
    /// Which.
    pub id: CallId,
    /// About which order.
    pub order_id: OrderId,
    /// What was asked.
    pub operation: Operation,
    /// About which number: `out_trade_no` or `out_refund_no`.
    pub subject: String,
    /// The state that WeChat told, `ok`, or its error code.
    pub answer: String,
    /// WeChat's words with an error; up to 200 characters.
    pub message: String,
    /// How long the answer took, in milliseconds.
    pub took_ms: i64,
    /// When it was asked.
    pub created_ms: Timestamp,
}
