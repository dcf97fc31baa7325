//! Comparing entries of the account with the trades they are for.

use super::{Bill, BillEntry, DifferenceKind, EDGE, EntryKind, Finding, Own, Rules};
use crate::model::{money::Fen, time::Day};
use std::collections::{HashMap, HashSet};

/// Entries that fit no trade, or another amount, and trades without an entry.
pub(super) fn entries(day: Day, bill: &Bill, own: &Own, rules: &Rules, found: &mut Vec<Finding>) {
    let settled = settled(bill);
    let ours = own.payments.keys().chain(own.refunds.values().filter_map(|refund| refund.refund_id.as_ref()));
    let known: HashSet<&str> = ours.chain(&own.noted).chain(&own.suspended).map(String::as_str).collect();
    let (mut seen, mut booked) = (HashSet::new(), HashSet::new());
    for entry in &bill.entries {
        if !seen.insert(&entry.flow_no) {
            found.push(of_entry(DifferenceKind::DuplicateRow, entry));
            continue;
        }
        let number = entry.business_no.as_str();
        match settled.get(number) {
            None if !known.contains(number) => found.push(of_entry(DifferenceKind::FundWithoutTrade, entry)),
            Some(amount) if entry.kind != EntryKind::Fee && *amount != entry.amount_fen => {
                let finding = of_entry(DifferenceKind::FundAmountDiffers, entry);
                found.push(Finding { own_fen: Some(*amount), ..finding });
            }
            _ => {}
        }
        if entry.kind == EntryKind::Trade {
            booked.insert(number);
        }
    }
    // The last minutes of a day may be booked on the next.
    let is_due = |row: &&super::BillPayment| row.state == "SUCCESS" && row.at_ms < day.end().minus(EDGE);
    for row in bill.payments.iter().filter(is_due) {
        if rules.settles_at_once && row.settled_fen > Fen::ZERO && !booked.contains(row.transaction_id.as_str()) {
            found.push(Finding::of_payment(DifferenceKind::TradeWithoutFund, row));
        }
    }
}

/// What the bill says was settled, by WeChat's number of the payment or refund.
fn settled(bill: &Bill) -> HashMap<&str, Fen> {
    let payments = bill.payments.iter().map(|row| (row.transaction_id.as_str(), row.settled_fen));
    payments.chain(bill.refunds.iter().map(|row| (row.refund_id.as_str(), row.settled_fen))).collect()
}

fn of_entry(kind: DifferenceKind, entry: &BillEntry) -> Finding {
    Finding {
        subject: entry.flow_no.clone(),
        wechat_no: entry.business_no.clone(),
        bill_fen: Some(entry.amount_fen),
        happened_ms: entry.at_ms,
        ..Finding::empty(kind)
    }
}
