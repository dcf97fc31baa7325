//! The shop against WeChat's bills: what a bill says, what the rows say, and every way in which the two can differ.

mod bill;
mod diff;
mod fund;
mod own;
#[cfg(test)]
mod test;

pub use bill::{Bill, BillEntry, BillPayment, BillRefund, EntryKind};
pub use diff::{diff, remains, unmatched_at_edge};
pub use own::{Own, OwnAttempt, OwnPayment, OwnRefund};

use crate::model::{
    id::{DifferenceId, OrderId},
    money::Fen,
    time::{Day, Timestamp, days, minutes},
};
use std::{collections::HashSet, time::Duration};

/// A bill of a day is there at ten in the morning of the next; it is asked for half an hour later.
pub const DUE_AFTER: Duration = minutes(24 * 60 + 10 * 60 + 30);
/// While WeChat is still making a bill, and after a failure, it is asked for again after so long.
pub const RETRY_AFTER: Duration = minutes(30);
/// So many days WeChat keeps bills.
pub const HORIZON_DAYS: u64 = 90;
/// A day that is not reconciled at this age raises the alarm: a week is left.
pub const ALARM_DAYS: u64 = 83;
/// Near midnight, WeChat's clocks and ours may count a payment to different days.
pub const EDGE: Duration = minutes(10);

word_enum! {
    /// Where a day stands.
    pub enum DayState {
        /// Its bills could not be compared yet.
        Waiting = "waiting",
        /// Compared; what differed are its differences.
        Done = "done",
    }
}

word_enum! {
    /// In what the shop and a bill differ.
    pub enum DifferenceKind {
        /// The bill has a payment of an open attempt, and the shop does not know of the money.
        PaymentMissingHere = "payment_missing_here",
        /// The shop has a payment that is in no bill.
        PaymentMissingInBill = "payment_missing_in_bill",
        /// The bill has a payment under a number that the shop never gave out.
        PaymentForeign = "payment_foreign",
        /// The amounts of a payment differ.
        PaymentAmountDiffers = "payment_amount_differs",
        /// The bill has the payment under another number of ours.
        PaymentNumberDiffers = "payment_number_differs",
        /// WeChat has the money and the order is not paid, nor does it go back; or WeChat has it no more and the order is paid.
        PaymentStateDiffers = "payment_state_differs",
        /// The bill has a refund that the shop does not know.
        RefundMissingHere = "refund_missing_here",
        /// The shop has a refund that WeChat took, and it is in no bill.
        RefundMissingInBill = "refund_missing_in_bill",
        /// The amounts of a refund differ.
        RefundAmountDiffers = "refund_amount_differs",
        /// The refund ended one way there and another way here.
        RefundStateDiffers = "refund_state_differs",
        /// The bill has a payment, a refund or an entry more than once.
        DuplicateRow = "duplicate_row",
        /// Money was booked for a payment or a refund that neither the bill nor the shop has.
        FundWithoutTrade = "fund_without_trade",
        /// A payment was not booked.
        TradeWithoutFund = "trade_without_fund",
        /// Another amount was booked than was settled.
        FundAmountDiffers = "fund_amount_differs",
    }
}

impl DifferenceKind {
    /// Whether asking WeChat anew, and settling what it says, can mend it.
    pub const fn is_repairable(self) -> bool {
        matches!(
            self,
            Self::PaymentMissingHere | Self::PaymentForeign | Self::PaymentStateDiffers | Self::RefundStateDiffers
        )
    }
}

word_enum! {
    /// What became of a difference.
    pub enum DifferenceState {
        /// It waits for staff.
        Open = "open",
        /// Staff had it mended.
        Repaired = "repaired",
        /// Staff looked at it and said why it may stay.
        Dismissed = "dismissed",
        /// Comparing the day again did not find it.
        Resolved = "resolved",
    }
}

/// A day and what comparing it came to.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Reconciliation {
    /// Which.
    pub day: Day,
    /// Where it stands.
    pub state: DayState,
    /// Payments in the bill.
    pub payments: i64,
    /// Their sum, in fen.
    pub payments_fen: Fen,
    /// Refunds in the bill.
    pub refunds: i64,
    /// Their sum, in fen.
    pub refunds_fen: Fen,
    /// Entries in the fund-flow bill.
    pub entries: i64,
    /// Why it still waits, or empty.
    pub error: String,
    /// When it was first due.
    pub created_ms: Timestamp,
    /// When it was first compared.
    pub done_ms: Option<Timestamp>,
    /// How many of its differences are open.
    pub open_differences: i64,
}

impl Reconciliation {
    /// A day that was not compared.
    pub const fn waiting(day: Day, now: Timestamp) -> Self {
        Self {
            day,
            state: DayState::Waiting,
            payments: 0,
            payments_fen: Fen::ZERO,
            refunds: 0,
            refunds_fen: Fen::ZERO,
            entries: 0,
            error: String::new(),
            created_ms: now,
            done_ms: None,
            open_differences: 0,
        }
    }
    /// Whether it still waits although WeChat will soon have its bills no more.
    pub fn is_alarming(&self, now: Timestamp) -> bool {
        self.state == DayState::Waiting && now.since(self.day.start()) >= days(ALARM_DAYS)
    }
}

/// What differs, before it has a row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Finding {
    /// In what.
    pub kind: DifferenceKind,
    /// The number that names it within its day and kind.
    pub subject: String,
    /// WeChat's number of the payment or refund.
    pub wechat_no: String,
    /// Our number of it.
    pub own_no: String,
    /// Of which order, where it is known.
    pub order_id: Option<OrderId>,
    /// The bill's amount, in fen.
    pub bill_fen: Option<Fen>,
    /// Ours, in fen.
    pub own_fen: Option<Fen>,
    /// The bill's word for its state, or empty.
    pub bill_state: String,
    /// Ours, or empty.
    pub own_state: String,
    /// When it was paid, asked for or booked.
    pub happened_ms: Timestamp,
}

/// A difference with its row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Difference {
    /// Which.
    pub id: DifferenceId,
    /// Found when this day was compared.
    pub day: Day,
    /// What differs.
    #[sqlx(flatten)]
    pub finding: Finding,
    /// What became of it.
    pub state: DifferenceState,
    /// What staff said of it, or what mending it came to.
    pub note: String,
    /// When it was found.
    pub created_ms: Timestamp,
    /// When it ceased to be open.
    pub ended_ms: Option<Timestamp>,
}

/// What else comparing needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Numbers in the bill of the day before: of payments WeChat's, of refunds ours. `None` when nobody asked.
    pub day_before: Option<HashSet<String>>,
    /// Whether each payment is booked when it is paid.
    pub settles_at_once: bool,
}

refusals! {
    /// Why comparing or mending did not happen.
    pub enum ReconcileRefusal {
        /// WeChat has no bill of that day.
        DayInvalid = Invalid, "reconciliation.day_invalid", "WeChat has bills of the ninety days up to yesterday";
        /// No such difference.
        NotFound = Missing, "difference.not_found", "no such difference";
        /// It is not open any more.
        StateForbids { state: DifferenceState } = Conflict, "difference.state_forbids", "the difference is {state}";
        /// Nothing that a machine may do would mend it.
        NotRepairable { kind: DifferenceKind } = Conflict, "difference.not_repairable",
            "{kind} cannot be repaired by asking WeChat: look at it, then dismiss it";
        /// WeChat, asked anew, does not say what its bill said.
        NotConfirmed = Conflict, "difference.not_confirmed", "WeChat does not confirm what its bill says";
        /// WeChat was asked and nothing changed.
        Remains = Conflict, "difference.remains", "what WeChat says now does not mend it";
    }
}

impl crate::model::refusal::Refusal for ReconcileRefusal {
    fn kind(&self) -> crate::model::refusal::Kind {
        self.kind_of()
    }
    fn code(&self) -> &'static str {
        self.code_of()
    }
    fn state(&self) -> Option<&'static str> {
        match self {
            Self::StateForbids { state } => Some(state.word()),
            _ => None,
        }
    }
}
