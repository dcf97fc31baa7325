//! The outside ledger: what the API of the shop says is held against what WeChat's books say. Nothing here looks inside.

use super::{
    call::{list, number, text},
    violation::Invariant,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// What is known of an order from having placed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// Which.
    pub(super) id: String,
    /// What it costs: price times pieces and delivery.
    pub(super) total_fen: i64,
    /// The token of its buyer.
    pub(super) token: String,
    /// Its buyer as WeChat Pay knows them. Each order has a buyer of its own, so all that they paid was for it.
    pub(super) openid: String,
    /// Of which product of the scene.
    pub(super) goods: usize,
    /// Pieces.
    pub(super) qty: i64,
}

/// An invariant that does not hold, its subject, what was expected and what is seen.
pub(super) type Break = (Invariant, String, String, String);

/// States of an order that was paid.
pub(super) const PAID: [&str; 4] = ["paid", "shipped", "received", "refunded"];

/// Everything that the shop's view of an order and WeChat's books say against each other.
pub(super) fn examine(order: &Order, seen: &Value, truth: &Value) -> Vec<Break> {
    let there = list(truth, "/payments").iter().filter(|payment| text(payment, "/openid") == order.openid);
    let there: Vec<&Value> = there.collect();
    let mut breaks = paid(order, seen, &there);
    breaks.extend(money(order, seen, &there, truth));
    breaks.extend(closed(order, seen, &there));
    breaks.extend(refunds(order, seen, &there, truth));
    breaks.extend(history(order, seen));
    breaks.extend(believed(order, &there, truth));
    breaks
}

fn subject(order: &Order) -> String {
    format!("order {}", order.id)
}

fn accepted(seen: &Value) -> Vec<&Value> {
    list(seen, "/payments").iter().filter(|payment| payment["accepted"] == true).collect()
}

/// A paid order has one accepted payment, which WeChat has too, of its amount.
fn paid(order: &Order, seen: &Value, there: &[&Value]) -> Vec<Break> {
    let (mut breaks, state) = (Vec::new(), text(seen, "/state"));
    let count = usize::from(PAID.contains(&state));
    let accepted = accepted(seen);
    if accepted.len() != count {
        let told = format!("{} accepted payments of an order that is {state}", accepted.len());
        breaks.push((Invariant::Paid, subject(order), format!("{count} accepted"), told));
    }
    for payment in list(seen, "/payments") {
        let (id, amount) = (text(payment, "/transaction_id"), number(payment, "/total_fen"));
        let real = there.iter().find(|real| text(real, "/transaction_id") == id);
        let real_fen = real.map(|real| number(real, "/total_fen"));
        if real_fen != Some(amount) {
            let expected = real_fen.map_or_else(|| "no such payment at WeChat".to_owned(), |fen| format!("{fen} fen"));
            breaks.push((Invariant::Paid, format!("transaction {id}"), expected, format!("{amount} fen")));
        }
    }
    for (what, amount) in [("total_fen", number(seen, "/total_fen"))]
        .into_iter()
        .chain(there.iter().map(|payment| ("the amount at WeChat", number(payment, "/total_fen"))))
        .chain(accepted.iter().map(|payment| ("the accepted payment", number(payment, "/total_fen"))))
    {
        if amount != order.total_fen {
            let expected = format!("{what} {} fen", order.total_fen);
            breaks.push((Invariant::Amount, subject(order), expected, format!("{amount} fen")));
        }
    }
    breaks
}

/// Whatever WeChat was paid has paid the order or goes back.
fn money(order: &Order, seen: &Value, there: &[&Value], truth: &Value) -> Vec<Break> {
    let mut breaks = Vec::new();
    for real in there.iter().filter(|real| real["transaction_id"].is_string()) {
        let id = text(real, "/transaction_id");
        let known = list(seen, "/payments").iter().find(|payment| text(payment, "/transaction_id") == id);
        let back: i64 = refunds_of(truth, id).filter(|refund| refund["status"] == "SUCCESS").map(refunded_fen).sum();
        let told = match known {
            Some(payment) if payment["accepted"] == true => continue,
            Some(_) if back == number(real, "/total_fen") => continue,
            Some(_) => format!("{back} fen of {} went back, and it paid nothing", number(real, "/total_fen")),
            None => format!("the shop, whose order is {}, does not know it", text(seen, "/state")),
        };
        let expected = "the money in the order or back with the buyer".to_owned();
        breaks.push((Invariant::Money, format!("{}, transaction {id}", subject(order)), expected, told));
    }
    breaks
}

fn refunds_of<'a>(truth: &'a Value, transaction: &'a str) -> impl Iterator<Item = &'a Value> {
    list(truth, "/refunds").iter().filter(move |refund| text(refund, "/transaction_id") == transaction)
}

fn refunded_fen(refund: &Value) -> i64 {
    number(refund, "/refund_fen")
}

/// What is closed here can no longer be paid there.
fn closed(order: &Order, seen: &Value, there: &[&Value]) -> Vec<Break> {
    let open = there.iter().filter(|real| seen["state"] == "closed" && real["state"] == "NOTPAY");
    open.map(|real| {
        let subject = format!("{}, out_trade_no {}", subject(order), text(real, "/out_trade_no"));
        (
            Invariant::Closed,
            subject,
            "CLOSED at WeChat before here".to_owned(),
            "closed here, NOTPAY at WeChat".to_owned(),
        )
    })
    .collect()
}

/// The refunds of both sides are the same, and never more than was paid.
fn refunds(order: &Order, seen: &Value, there: &[&Value], truth: &Value) -> Vec<Break> {
    let (mut breaks, ours) = (Vec::new(), list(seen, "/refunds"));
    let mut say = |subject: String, expected: String, seen: String| {
        breaks.push((Invariant::Refund, subject, expected, seen));
    };
    let mut counted = 0;
    for real in there.iter().filter(|real| real["transaction_id"].is_string()) {
        let id = text(real, "/transaction_id");
        let (mut alive, paid) = (0, number(real, "/total_fen"));
        for refund in refunds_of(truth, id) {
            let (name, amount) = (text(refund, "/out_refund_no"), refunded_fen(refund));
            alive += if refund["status"] == "CLOSED" { 0 } else { amount };
            let known = ours.iter().find(|known| text(known, "/out_refund_no") == name);
            let known_fen = known.map(|known| number(known, "/amount_fen"));
            if known_fen != Some(amount) {
                let expected = known_fen.map_or("no refund of that number".to_owned(), |fen| format!("{fen} fen"));
                say(format!("{}, out_refund_no {name}", subject(order)), expected, format!("{amount} fen at WeChat"));
            }
            let counts = known.is_some_and(|known| known["cause"] == "buyer" || known["cause"] == "staff");
            counted += if counts && refund["status"] == "SUCCESS" { amount } else { 0 };
        }
        if alive > paid {
            say(format!("transaction {id}"), format!("at most {paid} fen back"), format!("{alive} fen"));
        }
    }
    for known in ours.iter().filter(|known| known["state"] == "succeeded") {
        let name = text(known, "/out_refund_no");
        let real = list(truth, "/refunds").iter().find(|refund| text(refund, "/out_refund_no") == name);
        let status = real.map_or("nothing", |real| text(real, "/status"));
        if status != "SUCCESS" {
            say(format!("out_refund_no {name}"), "SUCCESS at WeChat".to_owned(), status.to_owned());
        }
    }
    if number(seen, "/refunded_fen") != counted {
        let told = format!("{} fen counted as refunded", number(seen, "/refunded_fen"));
        say(subject(order), format!("{counted} fen, as WeChat paid out"), told);
    }
    breaks
}

/// The moves have no gap, join, end where the order stands, and pay it once.
fn history(order: &Order, seen: &Value) -> Vec<Break> {
    let moves = list(seen, "/history");
    let mut told = Vec::new();
    for (place, step) in (1_i64..).zip(moves) {
        let before = usize::try_from(place - 2).ok().and_then(|place| moves.get(place));
        let joins = before.is_none_or(|before| before["to_state"] == step["from_state"]);
        if number(step, "/version") != place || !joins {
            told.push(format!("move {place} is {step}"));
        }
        let (from, to) = (text(step, "/from_state"), text(step, "/to_state"));
        if !LEGAL.contains(&(from, to)) && step["step"] != "revive" {
            told.push(format!("from {from} to {to}"));
        }
    }
    if moves.last().is_none_or(|last| last["to_state"] != seen["state"]) {
        told.push("it ends elsewhere than the order stands".to_owned());
    }
    let expected = "moves that are allowed, one after the other".to_owned();
    told.into_iter().map(|told| (Invariant::History, subject(order), expected.clone(), told)).collect()
}

/// From where to where an order may go.
const LEGAL: [(&str, &str); 9] = [
    ("", "pending"),
    ("pending", "pending"),
    ("pending", "paid"),
    ("pending", "closed"),
    ("paid", "shipped"),
    ("shipped", "received"),
    ("paid", "refunded"),
    ("shipped", "refunded"),
    ("received", "refunded"),
];

/// No forgery about it was answered 2xx.
fn believed(order: &Order, there: &[&Value], truth: &Value) -> Vec<Break> {
    let mut about: BTreeSet<&str> = there.iter().map(|payment| text(payment, "/out_trade_no")).collect();
    let refunds = list(truth, "/refunds").iter().filter(|refund| about.contains(text(refund, "/out_trade_no")));
    let refunds: Vec<_> = refunds.map(|refund| text(refund, "/out_refund_no")).collect();
    about.extend(refunds);
    let callbacks = list(truth, "/callbacks").iter().filter(|callback| about.contains(text(callback, "/subject")));
    let fooled = callbacks.flat_map(|callback| list(callback, "/attempts")).filter(|attempt| attempt["fooled"] == true);
    fooled
        .map(|attempt| {
            let told = format!("{} for {}", attempt["status"], text(attempt, "/trick"));
            (Invariant::Forged, subject(order), "a status that refuses".to_owned(), told)
        })
        .collect()
}
