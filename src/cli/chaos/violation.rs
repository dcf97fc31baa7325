//! What must hold whatever goes wrong, and what is said when it does not.

use serde::Serialize;

/// Something that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Invariant {
    /// What is left of a SKU is what there was less what open and paid orders hold.
    Stock,
    /// An order is paid by exactly one real payment of its amount, its merchant and its buyer.
    Paid,
    /// No money stays without an order or a refund.
    Money,
    /// A payment has its effect once.
    Once,
    /// What was acknowledged lasts.
    Durable,
    /// A forgery is refused and changes nothing.
    Forged,
    /// An order that is closed here cannot be paid at WeChat, and late money goes back.
    Closed,
    /// WeChat has the refunds that the shop decided, each once and under one number.
    Refund,
    /// An order only makes moves that are allowed, without a gap.
    History,
    /// Amounts are the same everywhere, to the fen.
    Amount,
    /// The same intention twice has one effect.
    Idempotent,
    /// A payment is found within a minute, whatever became of its callback.
    Found,
    /// What is genuine is taken, and what was disturbed goes on afterwards.
    Alive,
    /// The rows agree with each other (`weizhan verify`).
    Rows,
}

impl Invariant {
    /// As the report and the README name it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Paid => "paid",
            Self::Money => "money",
            Self::Once => "once",
            Self::Durable => "durable",
            Self::Forged => "forged",
            Self::Closed => "closed",
            Self::Refund => "refund",
            Self::History => "history",
            Self::Amount => "amount",
            Self::Idempotent => "idempotent",
            Self::Found => "found",
            Self::Alive => "alive",
            Self::Rows => "rows",
        }
    }
}

/// It does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Violation {
    /// In which kind of fault it was seen.
    pub(super) kind: &'static str,
    /// What does not hold.
    pub(super) invariant: Invariant,
    /// Of what: an order, an `out_trade_no`, a check.
    pub(super) subject: String,
    /// What had to be.
    pub(super) expected: String,
    /// What is.
    pub(super) seen: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, invariant, subject, expected, seen } = self;
        write!(f, "{kind}: {}: {subject}: expected {expected}, seen {seen}", invariant.word())
    }
}
