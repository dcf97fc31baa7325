//! What WeChat's bills say.

use crate::model::{money::Fen, time::Timestamp};

/// What the bill says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillPayment {
    /// WeChat's number.
    pub transaction_id: String,
    /// Our number.
    pub out_trade_no: String,
    /// The price.
    pub total_fen: Fen,
    /// What of it is settled.
    pub settled_fen: Fen,
    /// `SUCCESS`; anything else means that the money is not there any more.
    pub state: String,
    /// When.
    pub at_ms: Timestamp,
}

/// What the bill says of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillRefund {
    /// WeChat's number.
    pub refund_id: String,
    /// Our number.
    pub out_refund_no: String,
    /// How much.
    pub amount_fen: Fen,
    /// What of it is settled.
    pub settled_fen: Fen,
    /// `SUCCESS`, `PROCESSING`, `FAIL`, `CHANGE`.
    pub state: String,
    /// When it was asked for.
    pub at_ms: Timestamp,
}

/// What an entry is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A payment.
    Trade,
    /// A refund.
    Refund,
    /// A fee of either.
    Fee,
}

/// An entry of the merchant's account that belongs to a trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillEntry {
    /// Its own number.
    pub flow_no: String,
    /// WeChat's number of the payment or refund.
    pub business_no: String,
    /// What for.
    pub kind: EntryKind,
    /// How much.
    pub amount_fen: Fen,
    /// When.
    pub at_ms: Timestamp,
}

/// Both bills of a day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bill {
    /// Payments, in the order of the bill.
    pub payments: Vec<BillPayment>,
    /// Refunds.
    pub refunds: Vec<BillRefund>,
    /// Entries that belong to trades.
    pub entries: Vec<BillEntry>,
}
