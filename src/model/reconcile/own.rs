//! What the rows of the shop say.

use crate::model::{id::OrderId, money::Fen, order::OrderState, refund::RefundState, time::Timestamp};
use std::collections::{HashMap, HashSet};

/// A payment of the shop with its order.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OwnPayment {
    /// WeChat's number.
    pub transaction_id: String,
    /// Our number.
    pub out_trade_no: String,
    /// For which order.
    pub order_id: OrderId,
    /// How much.
    pub total_fen: Fen,
    /// Whether it paid the order.
    pub accepted: bool,
    /// When it was paid.
    pub success_ms: Timestamp,
    /// Where the order stands.
    pub order_state: OrderState,
    /// How many refunds of it are on their way or done.
    pub refunds: i64,
}

/// An attempt to be paid with its order.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OwnAttempt {
    /// Our number.
    pub out_trade_no: String,
    /// For which order.
    pub order_id: OrderId,
    /// What was asked for.
    pub total_fen: Fen,
    /// Where the order stands.
    pub order_state: OrderState,
}

/// A refund of the shop.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OwnRefund {
    /// Our number.
    pub out_refund_no: String,
    /// WeChat's number, once it gave one.
    pub refund_id: Option<String>,
    /// Of which order.
    pub order_id: OrderId,
    /// How much.
    pub amount_fen: Fen,
    /// Where it stands.
    pub state: RefundState,
    /// When it was sent last, which is when WeChat took it.
    pub last_sent_ms: Option<Timestamp>,
}

/// What the rows say of everything that the bills of a day name, and of that day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// Payments by WeChat's number.
    pub payments: HashMap<String, OwnPayment>,
    /// Attempts by our number.
    pub attempts: HashMap<String, OwnAttempt>,
    /// WeChat's numbers of money that waits in suspense, where staff see it.
    pub suspended: HashSet<String>,
    /// Refunds by our number.
    pub refunds: HashMap<String, OwnRefund>,
    /// WeChat's numbers of payments and refunds that are differences already, here or on other days.
    pub noted: HashSet<String>,
}
