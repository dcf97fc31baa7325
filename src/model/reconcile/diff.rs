//! Comparing the bills of a day with the rows. Money is matched by number and not by day: only what has no partner at all is
//! looked for around midnight.

use super::{Bill, BillPayment, BillRefund, DifferenceKind, EDGE, Finding, Own, OwnPayment, OwnRefund, Rules, fund};
use crate::model::{
    order::OrderState,
    refund::RefundState,
    time::{Day, Timestamp},
};
use std::collections::{HashMap, HashSet};

/// Everything in which the bills of a day and the rows differ, each thing once.
pub fn diff(day: Day, bill: &Bill, own: &Own, rules: &Rules) -> Vec<Finding> {
    let mut found = Vec::new();
    payments(bill, own, &mut found);
    refunds(bill, own, &mut found);
    missing_payments(day, bill, own, rules, &mut found);
    missing_refunds(day, bill, own, rules, &mut found);
    fund::entries(day, bill, own, rules, &mut found);
    let mut seen = HashSet::new();
    found.retain(|finding| seen.insert((finding.kind, finding.subject.clone())));
    found
}

/// Whether something of the first minutes of the day has no partner: then the bill of the day before is worth a look.
pub fn unmatched_at_edge(day: Day, bill: &Bill, own: &Own) -> bool {
    let mut found = Vec::new();
    let rules = Rules { day_before: Some(HashSet::new()), ..Rules::default() };
    missing_payments(day, bill, own, &rules, &mut found);
    missing_refunds(day, bill, own, &rules, &mut found);
    found.iter().any(|finding| finding.happened_ms < day.start().plus(EDGE))
}

/// Whether a payment or refund, as the bill had it, differs still. What else the bill said plays no part.
pub fn remains(finding: &Finding, own: &Own) -> bool {
    let (bill, mut found) = (finding.as_bill(), Vec::new());
    payments(&bill, own, &mut found);
    refunds(&bill, own, &mut found);
    !found.is_empty()
}

/// Moments that this day is asked about: it leaves its last minutes to the next day, whose bill may have them.
fn is_of(day: Day, moment: Timestamp, rules: &Rules) -> bool {
    let start = if rules.day_before.is_some() { day.start().minus(EDGE) } else { day.start().plus(EDGE) };
    start <= moment && moment < day.end().minus(EDGE)
}

fn payments(bill: &Bill, own: &Own, found: &mut Vec<Finding>) {
    let mut paid: HashMap<&str, &BillPayment> = HashMap::new();
    let is_paid = |row: &&BillPayment| row.state == "SUCCESS";
    for row in bill.payments.iter().filter(is_paid) {
        if paid.insert(&row.transaction_id, row).is_some() {
            found.push(Finding::of_payment(DifferenceKind::DuplicateRow, row));
        }
    }
    // A payment that was taken back has a second row, which is the later word.
    let revoked: HashMap<_, _> =
        bill.payments.iter().filter(|row| !is_paid(row)).map(|row| (row.transaction_id.as_str(), row)).collect();
    for row in bill.payments.iter().filter(is_paid).filter(|row| !revoked.contains_key(row.transaction_id.as_str())) {
        found.extend(of_payment(row, own));
    }
    for row in revoked.values() {
        if let Some(ours) = own.payments.get(&row.transaction_id) {
            found.push(Finding::of_payment(DifferenceKind::PaymentStateDiffers, row).with_payment(ours));
        }
    }
}

/// A payment that WeChat has.
fn of_payment(row: &BillPayment, own: &Own) -> Option<Finding> {
    let finding = |kind| Finding::of_payment(kind, row);
    let Some(ours) = own.payments.get(&row.transaction_id) else {
        if own.suspended.contains(&row.transaction_id) {
            return None;
        }
        let Some(attempt) = own.attempts.get(&row.out_trade_no) else {
            return Some(finding(DifferenceKind::PaymentForeign));
        };
        let kind = if attempt.order_state == OrderState::Pending {
            DifferenceKind::PaymentMissingHere
        } else {
            DifferenceKind::PaymentStateDiffers
        };
        let own_state = attempt.order_state.word().to_owned();
        return Some(Finding { order_id: Some(attempt.order_id), own_state, ..finding(kind) });
    };
    let kind = if ours.out_trade_no != row.out_trade_no {
        DifferenceKind::PaymentNumberDiffers
    } else if ours.total_fen != row.total_fen {
        DifferenceKind::PaymentAmountDiffers
    } else if ours.is_unsettled() {
        DifferenceKind::PaymentStateDiffers
    } else {
        return None;
    };
    Some(finding(kind).with_payment(ours))
}

impl OwnPayment {
    /// Money that did not pay its order, or whose order says that it was not paid, and that does not go back.
    const fn is_unsettled(&self) -> bool {
        if self.accepted { !self.order_state.was_paid() } else { self.refunds == 0 }
    }
}

fn missing_payments(day: Day, bill: &Bill, own: &Own, rules: &Rules, found: &mut Vec<Finding>) {
    let known: HashSet<&str> = bill.payments.iter().map(|row| row.transaction_id.as_str()).collect();
    let before = rules.day_before.as_ref();
    for ours in own.payments.values().filter(|ours| is_of(day, ours.success_ms, rules)) {
        let number = ours.transaction_id.as_str();
        if !known.contains(number) && !before.is_some_and(|before| before.contains(number)) {
            found.push(Finding {
                subject: number.to_owned(),
                wechat_no: number.to_owned(),
                own_no: ours.out_trade_no.clone(),
                happened_ms: ours.success_ms,
                ..Finding::empty(DifferenceKind::PaymentMissingInBill).with_payment(ours)
            });
        }
    }
}

fn refunds(bill: &Bill, own: &Own, found: &mut Vec<Finding>) {
    let mut seen = HashSet::new();
    for row in &bill.refunds {
        if !seen.insert(&row.out_refund_no) {
            found.push(Finding::of_refund(DifferenceKind::DuplicateRow, row));
            continue;
        }
        let Some(ours) = own.refunds.get(&row.out_refund_no) else {
            found.push(Finding::of_refund(DifferenceKind::RefundMissingHere, row));
            continue;
        };
        if ours.amount_fen != row.amount_fen {
            found.push(Finding::of_refund(DifferenceKind::RefundAmountDiffers, row).with_refund(ours));
        } else if !agrees(&row.state, ours.state) {
            found.push(Finding::of_refund(DifferenceKind::RefundStateDiffers, row).with_refund(ours));
        }
    }
}

/// Whether a refund may stand so here when the bill had it so. A bill is not updated, so a refund may have moved on since.
fn agrees(bill: &str, ours: RefundState) -> bool {
    match bill {
        "SUCCESS" => ours == RefundState::Succeeded,
        "FAIL" => ours == RefundState::Closed,
        // Under way, or waiting for somebody to act in the console.
        _ => !matches!(ours, RefundState::Requested | RefundState::Rejected),
    }
}

fn missing_refunds(day: Day, bill: &Bill, own: &Own, rules: &Rules, found: &mut Vec<Finding>) {
    let known: HashSet<&str> = bill.refunds.iter().map(|row| row.out_refund_no.as_str()).collect();
    let before = rules.day_before.as_ref();
    for ours in own.refunds.values() {
        let taken = matches!(ours.state, RefundState::Processing | RefundState::Succeeded | RefundState::Abnormal);
        let Some(sent_ms) = ours.last_sent_ms.filter(|sent| taken && is_of(day, *sent, rules)) else { continue };
        let number = ours.out_refund_no.as_str();
        if !known.contains(number) && !before.is_some_and(|before| before.contains(number)) {
            found.push(Finding {
                subject: number.to_owned(),
                wechat_no: ours.refund_id.clone().unwrap_or_default(),
                own_no: number.to_owned(),
                happened_ms: sent_ms,
                ..Finding::empty(DifferenceKind::RefundMissingInBill).with_refund(ours)
            });
        }
    }
}

impl Finding {
    /// A bill of nothing but the payment or refund that this is about, as the bill had it.
    pub fn as_bill(&self) -> Bill {
        let (amount_fen, state, at_ms) = (self.bill_fen.unwrap_or_default(), self.bill_state.clone(), self.happened_ms);
        let (wechat_no, own_no) = (self.wechat_no.clone(), self.own_no.clone());
        let mut bill = Bill::default();
        if self.kind == DifferenceKind::RefundStateDiffers {
            let (refund_id, out_refund_no) = (wechat_no, own_no);
            let row = BillRefund { refund_id, out_refund_no, amount_fen, settled_fen: amount_fen, state, at_ms };
            bill.refunds.push(row);
        } else {
            let (transaction_id, out_trade_no) = (wechat_no, own_no);
            let (total_fen, settled_fen) = (amount_fen, amount_fen);
            let row = BillPayment { transaction_id, out_trade_no, total_fen, settled_fen, state, at_ms };
            bill.payments.push(row);
        }
        bill
    }

    pub(super) const fn empty(kind: DifferenceKind) -> Self {
        Self {
            kind,
            subject: String::new(),
            wechat_no: String::new(),
            own_no: String::new(),
            order_id: None,
            bill_fen: None,
            own_fen: None,
            bill_state: String::new(),
            own_state: String::new(),
            happened_ms: Timestamp(0),
        }
    }

    pub(super) fn of_payment(kind: DifferenceKind, row: &BillPayment) -> Self {
        Self {
            subject: row.transaction_id.clone(),
            wechat_no: row.transaction_id.clone(),
            own_no: row.out_trade_no.clone(),
            bill_fen: Some(row.total_fen),
            bill_state: row.state.clone(),
            happened_ms: row.at_ms,
            ..Self::empty(kind)
        }
    }

    fn of_refund(kind: DifferenceKind, row: &BillRefund) -> Self {
        Self {
            subject: row.out_refund_no.clone(),
            wechat_no: row.refund_id.clone(),
            own_no: row.out_refund_no.clone(),
            bill_fen: Some(row.amount_fen),
            bill_state: row.state.clone(),
            happened_ms: row.at_ms,
            ..Self::empty(kind)
        }
    }

    fn with_payment(self, ours: &OwnPayment) -> Self {
        let own_state = ours.order_state.word().to_owned();
        Self { order_id: Some(ours.order_id), own_fen: Some(ours.total_fen), own_state, ..self }
    }

    fn with_refund(self, ours: &OwnRefund) -> Self {
        let own_state = ours.state.word().to_owned();
        Self { order_id: Some(ours.order_id), own_fen: Some(ours.amount_fen), own_state, ..self }
    }
}
