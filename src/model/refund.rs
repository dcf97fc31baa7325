//! Money that goes back.

use crate::model::{
    id::{OrderId, RefundId},
    idempotency::KeyReused,
    money::Fen,
    order::OrderState,
    time::{Timestamp, days, minutes},
};
use std::time::Duration;

/// WeChat takes at most this many refunds of one payment.
pub const REFUNDS_MAX: i64 = 50;

/// WeChat takes no refund of a payment that is older.
pub const REFUND_DAYS: u64 = 365;

/// WeChat wants this many seconds between two refunds of one payment.
pub const REFUND_GAP_SECONDS: u64 = 60;

word_enum! {
    /// Where a refund stands.
    pub enum RefundState {
        /// The buyer asked; staff decide.
        Requested = "requested",
        /// Decided; to be sent to WeChat.
        Approved = "approved",
        /// WeChat works on it.
        Processing = "processing",
        /// The money is back.
        Succeeded = "succeeded",
        /// Staff said no.
        Rejected = "rejected",
        /// WeChat closed it: nothing went back.
        Closed = "closed",
        /// WeChat could not hand the money over (the card is gone): staff act in the merchant console.
        Abnormal = "abnormal",
    }
}

word_enum! {
    /// Why money goes back.
    pub enum RefundCause {
        /// The buyer asked.
        Buyer = "buyer",
        /// Staff decided.
        Staff = "staff",
        /// It paid an order that had closed.
        LatePayment = "late_payment",
        /// It paid an order that was paid.
        SecondPayment = "second_payment",
        /// It fitted no order and waited in suspense; staff sent it back.
        Suspense = "suspense",
    }
}

/// A refund. Money that paid the order is counted against the order; late or second money goes back whole.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub struct Refund {
    /// Which.
    pub id: RefundId,
    /// Of which order.
    pub order_id: OrderId,
    /// Of which payment, by WeChat's number.
    pub transaction_id: String,
    /// Our number at WeChat: the same on every retry.
    pub out_refund_no: String,
    /// WeChat's number, once it gave one.
    pub refund_id: Option<String>,
    /// How much, in fen.
    pub amount_fen: Fen,
    /// How much was paid, in fen.
    pub paid_fen: Fen,
    /// Why.
    pub cause: RefundCause,
    /// In words, up to 80 characters.
    pub reason: String,
    /// Where it stands.
    pub state: RefundState,
    /// When it was asked for or decided.
    pub created_ms: Timestamp,
    /// When it was first sent to WeChat.
    pub sent_ms: Option<Timestamp>,
    /// When it was sent last.
    pub last_sent_ms: Option<Timestamp>,
    /// What WeChat said when it did not take it the last time; nothing once it did.
    pub last_error: Option<String>,
    /// The closed refund that this one takes the place of, under a number of its own.
    pub retry_of: Option<RefundId>,
    /// When it ended.
    pub ended_ms: Option<Timestamp>,
    /// What the buyer shows of what comes back, a JSON array of addresses; absent where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pictures: Option<String>,
}

impl Refund {
    /// The addresses of what the buyer shows.
    pub fn picture_urls(&self) -> Vec<String> {
        self.pictures.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
    /// The same without what the buyer says and shows: for what outlives the buyer.
    #[must_use]
    pub fn impersonal(&self) -> Self {
        Self { reason: String::new(), pictures: None, ..self.clone() }
    }
    /// Whether it counts against what the order was paid.
    pub fn is_of_order(&self) -> bool {
        matches!(self.cause, RefundCause::Buyer | RefundCause::Staff)
    }
}

/// Whether a payment is too old for WeChat to refund it.
pub fn too_old(paid: Timestamp, now: Timestamp) -> bool {
    now.since(paid) > days(REFUND_DAYS)
}

/// How long a refund waits that the merchant's balance did not cover: as long as it has been tried so far, from a minute
/// to an hour. Staff top the balance up, and it goes out under the same number.
pub fn poor_wait(tried_for: Duration) -> Duration {
    tried_for.clamp(minutes(1), minutes(60))
}

/// How long the `nth` refund (from 2) of money that must go back waits after WeChat closed the one before: ten minutes, an
/// hour, six hours, then a day each time.
pub fn successor_wait(nth: i64) -> Duration {
    minutes(match nth {
        ..=2 => 10,
        3 => 60,
        4 => 6 * 60,
        _ => 24 * 60,
    })
}

/// A verified statement of WeChat about a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFact {
    /// Our number.
    pub out_refund_no: String,
    /// WeChat's number.
    pub refund_id: String,
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// How much, in fen.
    pub amount_fen: Fen,
    /// Where it stands: processing, succeeded, closed or abnormal.
    pub state: RefundState,
}

refusals! {
    /// Why money does not go back.
    pub enum RefundRefusal {
        /// No such refund.
        NotFound = Missing, "refund.not_found", "no such refund";
        /// No such order.
        OrderMissing = Missing, "refund.order_not_found", "no such order";
        /// The order was not paid, or all of it went back.
        OrderForbids { state: OrderState } = Conflict, "refund.order_state_forbids", "the order is {state}";
        /// The refund is decided or done.
        StateForbids { state: RefundState } = Conflict, "refund.state_forbids", "the refund is {state}";
        /// More than is left of what was paid.
        TooMuch { left: Fen } = Conflict, "refund.too_much", "at most {left} yuan can go back";
        /// WeChat takes no more refunds of this payment.
        TooMany = Conflict, "refund.too_many", "WeChat takes at most 50 refunds of one payment";
        /// The payment is older than WeChat refunds.
        TooOld = Conflict, "refund.too_old", "WeChat takes no refund more than 365 days after the payment";
        /// Another refund has taken its place.
        Retried = Conflict, "refund.retried", "this refund was tried again under another number";
        /// Not a picture of the buyer's, or not ready.
        PictureMissing = Invalid, "refund.picture_missing", "a picture is not there; upload and confirm it first";
        /// The idempotency key came with another request before.
        KeyReused = Invalid, "idempotency.key_reused", "this Idempotency-Key was used for another request";
    }
}

impl From<KeyReused> for RefundRefusal {
    fn from(_: KeyReused) -> Self {
        Self::KeyReused
    }
}

impl crate::model::refusal::Refusal for RefundRefusal {
    fn kind(&self) -> crate::model::refusal::Kind {
        self.kind_of()
    }
    fn code(&self) -> &'static str {
        self.code_of()
    }
    fn pointer(&self) -> Option<String> {
        match self {
            Self::TooMuch { .. } => Some("/amount_fen".to_owned()),
            Self::PictureMissing => Some("/picture_urls".to_owned()),
            _ => None,
        }
    }
    fn state(&self) -> Option<&'static str> {
        match self {
            Self::OrderForbids { state } => Some(state.word()),
            Self::StateForbids { state } => Some(state.word()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound() {
        let poor: Vec<_> = [0, 1, 7, 60, 600].map(|tried| poor_wait(minutes(tried)).as_secs() / 60).into();
        assert_eq!(poor, [1, 1, 7, 60, 60]);
        let next: Vec<_> = [1, 2, 3, 4, 5, 50].map(|nth| successor_wait(nth).as_secs() / 60).into();
        assert_eq!(next, [10, 10, 60, 360, 1_440, 1_440]);
    }

    #[test]
    fn a_payment_can_be_refunded_for_365_days() {
        let paid = Timestamp(1_000);
        assert!(!too_old(paid, paid.plus(days(365))));
        assert!(too_old(paid, paid.plus(days(365) + Duration::from_millis(1))));
    }
}
