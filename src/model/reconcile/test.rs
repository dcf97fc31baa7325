//! Each way to differ, alone, on a day with everything that is right.

use super::{
    Bill, BillEntry, BillPayment, BillRefund,
    DifferenceKind::{self, *},
    EntryKind, Own, OwnAttempt, OwnPayment, OwnRefund, Rules, diff, remains, unmatched_at_edge,
};
use crate::model::{
    id::OrderId,
    money::Fen,
    order::OrderState,
    refund::RefundState,
    time::{Day, Timestamp, minutes},
};
use std::collections::HashSet;

const DAY: Day = Day(20_261_122);

fn at(minute: u64) -> Timestamp {
    DAY.start().plus(minutes(minute))
}

fn payment(number: &str, fen: i64, at_ms: Timestamp) -> BillPayment {
    BillPayment {
        transaction_id: format!("4{number}"),
        out_trade_no: format!("T{number}"),
        total_fen: Fen(fen),
        settled_fen: Fen(fen - 1),
        state: "SUCCESS".to_owned(),
        at_ms,
    }
}

fn entry(business_no: &str, kind: EntryKind, fen: i64) -> BillEntry {
    BillEntry {
        flow_no: format!("9{business_no}{kind:?}"),
        business_no: business_no.to_owned(),
        kind,
        amount_fen: Fen(fen),
        at_ms: at(600),
    }
}

fn own_payment(row: &BillPayment, order_state: OrderState, accepted: bool) -> OwnPayment {
    OwnPayment {
        transaction_id: row.transaction_id.clone(),
        out_trade_no: row.out_trade_no.clone(),
        order_id: OrderId(1),
        total_fen: row.total_fen,
        accepted,
        success_ms: row.at_ms,
        order_state,
        refunds: 0,
    }
}

/// Payments 1 (paid), 2 (late, on its way back) and 3 (paid, a part given back), fees and entries.
fn day() -> (Bill, Own, Rules) {
    let payments: Vec<_> =
        [("1", 600), ("2", 700), ("3", 800)].map(|(number, minute)| payment(number, 100, at(minute))).into();
    let refund = BillRefund {
        refund_id: "50".to_owned(),
        out_refund_no: "R3".to_owned(),
        amount_fen: Fen(40),
        settled_fen: Fen(39),
        state: "PROCESSING".to_owned(),
        at_ms: at(900),
    };
    let mut entries: Vec<_> = payments.iter().map(|row| entry(&row.transaction_id, EntryKind::Trade, 99)).collect();
    entries.extend([
        entry("41", EntryKind::Fee, 1),
        entry("50", EntryKind::Refund, 39),
        entry("50", EntryKind::Fee, 1),
    ]);
    let mut own = Own::default();
    let states = [(OrderState::Shipped, true), (OrderState::Closed, false), (OrderState::Paid, true)];
    for (row, (state, accepted)) in payments.iter().zip(states) {
        let ours = OwnPayment { refunds: i64::from(!accepted), ..own_payment(row, state, accepted) };
        own.payments.insert(row.transaction_id.clone(), ours);
        let (out_trade_no, order_id) = (row.out_trade_no.clone(), OrderId(1));
        let attempt = OwnAttempt { out_trade_no, order_id, total_fen: row.total_fen, order_state: state };
        own.attempts.insert(row.out_trade_no.clone(), attempt);
    }
    let ours = OwnRefund {
        out_refund_no: "R3".to_owned(),
        refund_id: Some("50".to_owned()),
        order_id: OrderId(1),
        amount_fen: Fen(40),
        state: RefundState::Succeeded,
        last_sent_ms: Some(at(900)),
    };
    own.refunds.insert("R3".to_owned(), ours);
    let bill = Bill { payments, refunds: vec![refund], entries };
    (bill, own, Rules { day_before: None, settles_at_once: true })
}

fn kinds(bill: &Bill, own: &Own, rules: &Rules) -> Vec<(DifferenceKind, String)> {
    diff(DAY, bill, own, rules).into_iter().map(|finding| (finding.kind, finding.subject)).collect()
}

#[test]
fn a_clean_day_invents_nothing() {
    let (bill, own, rules) = day();
    assert_eq!(kinds(&bill, &own, &rules), []);
    assert_eq!(kinds(&Bill::default(), &Own::default(), &rules), []);
}

type Change = fn(&mut Bill, &mut Own);

#[test]
fn each_difference_is_found_alone_and_by_its_name() {
    let cases: &[(DifferenceKind, &str, Change)] = &[
        (PaymentMissingHere, "41", |_, own| {
            own.payments.remove("41");
            own.attempts.get_mut("T1").expect("attempt").order_state = OrderState::Pending;
        }),
        (PaymentStateDiffers, "42", |_, own| drop(own.payments.remove("42"))),
        (PaymentStateDiffers, "42", |_, own| own.payments.get_mut("42").expect("payment").refunds = 0),
        (PaymentStateDiffers, "41", |_, own| {
            own.payments.get_mut("41").expect("payment").order_state = OrderState::Closed;
        }),
        (PaymentStateDiffers, "43", |bill, _| bill.payments[2].state = "REVOKED".to_owned()),
        (PaymentForeign, "41", |_, own| {
            own.payments.remove("41");
            own.attempts.remove("T1");
        }),
        (PaymentMissingInBill, "41", |bill, _| drop(bill.payments.remove(0))),
        (PaymentAmountDiffers, "43", |bill, _| bill.payments[2].total_fen = Fen(101)),
        (PaymentNumberDiffers, "43", |bill, _| bill.payments[2].out_trade_no = "T1".to_owned()),
        (DuplicateRow, "41", |bill, _| bill.payments.push(bill.payments[0].clone())),
        (DuplicateRow, "R3", |bill, _| bill.refunds.push(bill.refunds[0].clone())),
        (DuplicateRow, "941Trade", |bill, _| bill.entries.push(bill.entries[0].clone())),
        (RefundMissingHere, "R3", |_, own| drop(own.refunds.remove("R3"))),
        (RefundMissingInBill, "R3", |bill, _| bill.refunds.clear()),
        (RefundAmountDiffers, "R3", |bill, _| bill.refunds[0].amount_fen = Fen(41)),
        (RefundStateDiffers, "R3", |bill, _| bill.refunds[0].state = "FAIL".to_owned()),
        (RefundStateDiffers, "R3", |_, own| own.refunds.get_mut("R3").expect("refund").state = RefundState::Rejected),
        (FundWithoutTrade, "97Trade", |bill, _| bill.entries.push(entry("7", EntryKind::Trade, 5))),
        (FundWithoutTrade, "97Fee", |bill, _| bill.entries.push(entry("7", EntryKind::Fee, 5))),
        (TradeWithoutFund, "42", |bill, _| drop(bill.entries.remove(1))),
        (FundAmountDiffers, "950Refund", |bill, _| bill.entries[4].amount_fen = Fen(40)),
    ];
    for (kind, subject, change) in cases {
        let (mut bill, mut own, rules) = day();
        change(&mut bill, &mut own);
        assert_eq!(kinds(&bill, &own, &rules), [(*kind, (*subject).to_owned())]);
    }
    let covered: HashSet<_> = cases.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(covered.len(), DifferenceKind::ALL.len(), "every kind has a case");
}

#[test]
fn money_in_suspense_and_money_that_settles_later_are_no_differences() {
    let (mut bill, mut own, mut rules) = day();
    own.payments.remove("41");
    own.suspended.insert("41".to_owned());
    assert_eq!(kinds(&bill, &own, &rules), []);
    bill.entries.clear();
    rules.settles_at_once = false;
    assert_eq!(kinds(&bill, &own, &rules), []);
    // A refund of a payment that was a difference on another day is no second one.
    bill.entries.push(entry("7", EntryKind::Refund, 5));
    own.noted.insert("7".to_owned());
    assert_eq!(kinds(&bill, &own, &rules), []);
}

#[test]
fn midnight_makes_no_difference_and_hides_none() {
    let late = payment("8", 100, at(24 * 60 - 1));
    let (mut bill, mut own, mut rules) = day();
    own.payments.insert("48".to_owned(), own_payment(&late, OrderState::Paid, true));
    assert_eq!(kinds(&bill, &own, &rules), [], "the next day looks after it");
    assert!(!unmatched_at_edge(DAY, &bill, &own));
    // On the next day: its bill may have it, or that of the day before, or neither.
    let asked = |bill: &Bill, own: &Own, rules: &Rules| diff(DAY.next(), bill, own, rules).len();
    let mut next = Own { payments: own.payments.clone(), ..Own::default() };
    next.payments.retain(|number, _| number == "48");
    assert!(unmatched_at_edge(DAY.next(), &Bill::default(), &next));
    assert_eq!(asked(&Bill::default(), &next, &rules), 0, "nobody knows yet");
    rules.day_before = Some(HashSet::from(["48".to_owned()]));
    assert_eq!(asked(&Bill::default(), &next, &rules), 0);
    rules.day_before = Some(HashSet::new());
    assert_eq!(asked(&Bill::default(), &next, &rules), 1);
    let moved = BillPayment { at_ms: DAY.end(), ..late.clone() };
    bill = Bill { payments: vec![moved], entries: vec![entry("48", EntryKind::Trade, 99)], ..Bill::default() };
    assert_eq!(asked(&bill, &next, &rules), 0);
    // Booked after midnight.
    let (mut bill, _, rules) = day();
    bill.payments.push(late);
    assert_eq!(kinds(&bill, &own, &rules), []);
}

#[test]
fn what_was_mended_does_not_remain() {
    let (bill, mut own, rules) = day();
    let settled = own.payments.remove("42").expect("payment");
    let found = diff(DAY, &bill, &own, &rules);
    assert!(remains(&found[0], &own));
    own.payments.insert("42".to_owned(), settled);
    assert!(!remains(&found[0], &own));
    let (mut bill, mut own, rules) = day();
    bill.refunds[0].state = "SUCCESS".to_owned();
    own.refunds.get_mut("R3").expect("refund").state = RefundState::Processing;
    let found = diff(DAY, &bill, &own, &rules);
    assert!(found.len() == 1 && remains(&found[0], &own));
    own.refunds.get_mut("R3").expect("refund").state = RefundState::Succeeded;
    assert!(!remains(&found[0], &own));
}
