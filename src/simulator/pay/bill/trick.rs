//! Bills that differ from the truth on demand, each in one way. Hash and totals fit all the same, unless they are the trick.

use super::{Back, Row};
use crate::model::{money::Fen, time::Timestamp};
use serde::{Deserialize, Serialize};

/// One way in which a bill differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "trick", rename_all = "snake_case", deny_unknown_fields)]
pub enum BillTrick {
    /// A payment is in neither bill.
    DropPayment {
        /// Which.
        out_trade_no: String,
    },
    /// A refund is in neither bill.
    DropRefund {
        /// Which.
        out_refund_no: String,
    },
    /// A payment has another amount.
    PaymentAmount {
        /// Which.
        out_trade_no: String,
        /// How much.
        total_fen: Fen,
    },
    /// A refund has another amount.
    RefundAmount {
        /// Which.
        out_refund_no: String,
        /// How much.
        refund_fen: Fen,
    },
    /// A payment has another state, such as `REVOKED`.
    PaymentState {
        /// Which.
        out_trade_no: String,
        /// The word.
        state: String,
    },
    /// A refund has another state, such as `FAIL`.
    RefundState {
        /// Which.
        out_refund_no: String,
        /// The word.
        state: String,
    },
    /// A payment has another number of the merchant.
    PaymentNumber {
        /// Which.
        out_trade_no: String,
        /// The other one.
        to: String,
    },
    /// A payment that never was.
    AddPayment {
        /// Under this number.
        out_trade_no: String,
        /// WeChat's number.
        transaction_id: String,
        /// How much.
        total_fen: Fen,
        /// When.
        at_ms: Timestamp,
    },
    /// A refund that never was, of a payment that was.
    AddRefund {
        /// Of which.
        out_trade_no: String,
        /// Under this number.
        out_refund_no: String,
        /// WeChat's number.
        refund_id: String,
        /// How much.
        refund_fen: Fen,
        /// When.
        at_ms: Timestamp,
    },
    /// A row of the trade bill stands twice.
    Repeat {
        /// `out_trade_no` of a payment or `out_refund_no` of a refund.
        number: String,
    },
    /// A row stands at another time, perhaps on another day.
    Move {
        /// `out_trade_no` of a payment or `out_refund_no` of a refund.
        number: String,
        /// When.
        at_ms: Timestamp,
    },
    /// A payment or refund is missing in the fund-flow bill alone.
    DropEntry {
        /// WeChat's number of it.
        business_no: String,
    },
    /// The fund-flow bill alone has another amount.
    EntryAmount {
        /// WeChat's number of the payment or refund.
        business_no: String,
        /// How much.
        amount_fen: Fen,
    },
    /// Money comes in for nothing.
    AddEntry {
        /// WeChat's number of what it is said to be for.
        business_no: String,
        /// How much.
        amount_fen: Fen,
        /// When.
        at_ms: Timestamp,
    },
    /// The hash that is told is another file's.
    WrongHash,
    /// The totals do not fit the rows.
    WrongTotal,
    /// Bills are never ready.
    Creating,
}

impl BillTrick {
    /// Whether this row stands twice.
    pub(super) fn repeats(&self, row: &Row) -> bool {
        matches!(self, Self::Repeat { number } if row.number() == number)
    }
}

impl Row {
    /// Our number: of the refund, or of the payment.
    fn number(&self) -> &str {
        self.refund.as_ref().map_or(&self.out_trade_no, |refund| &refund.out_refund_no)
    }
}

/// The rows with all tricks that concern both bills.
pub(super) fn altered(mut rows: Vec<Row>, tricks: &[BillTrick]) -> Vec<Row> {
    for trick in tricks {
        match trick {
            BillTrick::DropPayment { out_trade_no: number } | BillTrick::DropRefund { out_refund_no: number } => {
                rows.retain(|row| row.number() != number);
            }
            BillTrick::AddPayment { out_trade_no, transaction_id, total_fen, at_ms } => {
                let (out_trade_no, transaction_id) = (out_trade_no.clone(), transaction_id.clone());
                rows.push(Row { at: *at_ms, total: *total_fen, out_trade_no, transaction_id, ..nobodys() });
            }
            BillTrick::AddRefund { out_trade_no, out_refund_no, refund_id, refund_fen, at_ms } => {
                let paid = rows.iter().find(|row| row.refund.is_none() && row.out_trade_no == *out_trade_no);
                let refund = Back {
                    refund_id: refund_id.clone(),
                    out_refund_no: out_refund_no.clone(),
                    amount: *refund_fen,
                    state: "SUCCESS".to_owned(),
                    success: Some(*at_ms),
                };
                let row = paid.cloned().unwrap_or_else(nobodys);
                let (state, total) = ("REFUND".to_owned(), Fen::ZERO);
                rows.push(Row { at: *at_ms, state, total, refund: Some(refund), ..row });
            }
            other => rows.iter_mut().for_each(|row| alter(row, other)),
        }
    }
    rows
}

fn alter(row: &mut Row, trick: &BillTrick) {
    if let BillTrick::Move { number, at_ms } = trick
        && row.number() == number
    {
        row.at = *at_ms;
    }
    match (trick, &mut row.refund) {
        (BillTrick::PaymentAmount { out_trade_no, total_fen }, None) if row.out_trade_no == *out_trade_no => {
            row.total = *total_fen;
        }
        (BillTrick::PaymentState { out_trade_no, state }, None) if row.out_trade_no == *out_trade_no => {
            row.state.clone_from(state);
        }
        (BillTrick::PaymentNumber { out_trade_no, to }, None) if row.out_trade_no == *out_trade_no => {
            row.out_trade_no.clone_from(to);
        }
        (BillTrick::RefundAmount { out_refund_no, refund_fen }, Some(back)) if back.out_refund_no == *out_refund_no => {
            back.amount = *refund_fen;
        }
        (BillTrick::RefundState { out_refund_no, state }, Some(back)) if back.out_refund_no == *out_refund_no => {
            back.state.clone_from(state);
        }
        _ => {}
    }
}

/// A payment of somebody, somewhere.
fn nobodys() -> Row {
    Row {
        at: Timestamp(0),
        appid: "wx0000000000000000".to_owned(),
        openid: "o-of-another-system".to_owned(),
        transaction_id: "0".to_owned(),
        out_trade_no: "0".to_owned(),
        description: "别的系统".to_owned(),
        attach: String::new(),
        state: "SUCCESS".to_owned(),
        total: Fen::ZERO,
        refund: None,
    }
}
