//! Money that fits no order: it waits for staff, who send it back, put it to its order, or say that it is none of ours.

use crate::model::{
    id::{OrderId, StaffId, SuspenseId},
    money::Fen,
    payment::{PaymentFact, SuspenseReason},
    time::Timestamp,
};

word_enum! {
    /// How money in suspense was resolved.
    pub enum Resolution {
        /// It was put to its order or returned by the rules: WeChat and we agree on it.
        Settled = "settled",
        /// Staff sent it back.
        Refunded = "refunded",
        /// Staff found that it is none of ours: money of another system under the same merchant.
        Dismissed = "dismissed",
    }
}

/// Money in suspense.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Suspense {
    /// Orders the inbox.
    pub id: SuspenseId,
    /// WeChat's number of it: unique.
    pub transaction_id: String,
    /// Why it waits.
    pub reason: SuspenseReason,
    /// The number of the attempt that WeChat named.
    pub out_trade_no: String,
    /// How much, in fen.
    pub total_fen: Fen,
    /// What WeChat said, as JSON: a [`PaymentFact`].
    pub fact: String,
    /// Whether it waits no more.
    pub resolved: bool,
    /// How it was resolved.
    pub resolution: Option<Resolution>,
    /// Why, in the words of staff.
    pub note: Option<String>,
    /// By whom; absent when the rules did it.
    pub staff_id: Option<StaffId>,
    /// When.
    pub resolved_ms: Option<Timestamp>,
    /// When it came.
    pub created_ms: Timestamp,
    /// The order of the attempt, when the attempt is ours.
    pub order_id: Option<OrderId>,
}

impl Suspense {
    /// What WeChat said; `None` when this version cannot read it.
    pub fn told(&self) -> Option<PaymentFact> {
        serde_json::from_str(&self.fact).ok()
    }
}

/// Most characters of WeChat's number of a payment.
const NUMBER_CHARS_MAX: usize = 32;

/// WeChat's number of a payment, as it stands in an address.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[0-9A-Za-z_-]{1,32}$")]
pub struct TransactionId(
    /// The number.
    pub String,
);

/// Text that is no number of WeChat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number of WeChat: up to 32 letters and digits are expected")]
pub struct NotATransactionId;

impl std::str::FromStr for TransactionId {
    type Err = NotATransactionId;
    fn from_str(text: &str) -> Result<Self, NotATransactionId> {
        let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let sized = (1..=NUMBER_CHARS_MAX).contains(&text.len());
        if fits && sized { Ok(Self(text.to_owned())) } else { Err(NotATransactionId) }
    }
}

refusals! {
    /// Why money in suspense stays there.
    pub enum SuspenseRefusal {
        /// No such money waits.
        NotFound = Missing, "suspense.not_found", "no such money in suspense";
        /// It was resolved.
        Resolved { resolution: Resolution } = Conflict, "suspense.resolved", "this money is {resolution}";
        /// The attempt is not ours, so we cannot send its money back.
        NotOurs = Conflict, "suspense.not_ours", "no attempt of ours has this number: refund it where it was sold, or dismiss it";
        /// The payment is in the books; what waits is only another statement about it.
        Booked = Conflict, "suspense.booked", "this payment is in the books of its order: retry or dismiss the difference";
        /// WeChat, asked again, does not know of this payment.
        Unconfirmed = Conflict, "suspense.unconfirmed", "WeChat does not confirm this payment";
        /// WeChat confirms it and the attempt is ours: it cannot be waved away.
        Ours = Conflict, "suspense.ours", "WeChat confirms this money for an attempt of ours: send it back or retry";
    }
}

impl crate::model::refusal::Refusal for SuspenseRefusal {
    fn kind(&self) -> crate::model::refusal::Kind {
        self.kind_of()
    }
    fn code(&self) -> &'static str {
        self.code_of()
    }
    fn state(&self) -> Option<&'static str> {
        match self {
            Self::Resolved { resolution } => Some(resolution.word()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_wechat_are_read() {
        assert!("4200002345202611230000000001".parse::<TransactionId>().is_ok());
        for text in ["", "1 2", "1/2", "一", "%", &"1".repeat(33)] {
            assert_eq!(text.parse::<TransactionId>(), Err(NotATransactionId), "{text}");
        }
    }
}
