//! What follows a payment under 发货信息管理: the money waits until the order is sent and received.
//!
//! A row begins with the payment. Nothing uploaded for 48 hours: a reminder. All uploaded: a push, and ten days later the
//! order counts as received, unless its buyer said so before. Received: a day later the money is settled, with a push.

use super::{
    Error, Simulator,
    ledger::{Ledger, Record},
    push,
    record::{Payment, RefundStatus},
};
use crate::model::{money::Fen, time::Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Until an order is missed, in seconds.
const REMIND_SECONDS: u32 = 48 * 3600;
/// Until time receives an order that is on its way.
const RECEIVE_SECONDS: u32 = 10 * 86_400;
/// From the receipt to the settlement.
const SETTLE_SECONDS: u32 = 86_400;
/// How long an order is shown as received before its money is shown as waiting.
const CONFIRMED_SECONDS: u32 = 60;

/// The shipping information of a paid order, and what becomes of its money.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shipment {
    /// Which order.
    pub out_trade_no: String,
    /// What was uploaded last, without its time; null before.
    pub request: Value,
    /// When, as the merchant said.
    pub uploaded_ms: Timestamp,
    /// Every parcel: the carrier's number, the carrier.
    pub parcels: Vec<(String, String)>,
    /// Whether all parcels are on their way.
    pub finished: bool,
    /// How often something was uploaded.
    pub uploads: u32,
    /// Whether the one chance to ship anew was used.
    pub reshipped: bool,
    /// When the merchant was reminded.
    pub reminded_ms: Option<Timestamp>,
    /// When the merchant asked the buyer to confirm.
    pub asked_ms: Option<Timestamp>,
    /// When the order was received.
    pub confirmed_ms: Option<Timestamp>,
    /// Whether the buyer said so.
    pub confirmed_by_hand: bool,
    /// When the merchant got the money; before, it is withheld.
    pub settled_ms: Option<Timestamp>,
    /// When something happens by itself.
    pub due_ms: Option<Timestamp>,
}

/// The row of a payment that has just been made.
pub(super) fn begin(simulator: &Simulator, out_trade_no: &str, now: Timestamp) -> Record {
    Record::Shipment(Box::new(Shipment {
        out_trade_no: out_trade_no.to_owned(),
        due_ms: Some(later(simulator, now, REMIND_SECONDS)),
        ..Shipment::default()
    }))
}

fn later(simulator: &Simulator, now: Timestamp, seconds: u32) -> Timestamp {
    Timestamp(now.0 + simulator.options().wait_ms(seconds))
}

/// Whether all of the money went back.
fn is_refunded(ledger: &Ledger, payment: &Payment) -> bool {
    let refunds = ledger.refunds_of(&payment.out_trade_no);
    let back = refunds.iter().filter(|refund| refund.status == RefundStatus::Success);
    back.fold(Fen::ZERO, |sum, refund| Fen(sum.0 + refund.refund_fen.0)) >= payment.total_fen
}

/// `order_state`: 1 to be sent, 2 on its way, 3 received, 4 done, 5 refunded, 6 to be settled.
pub(super) fn order_state(simulator: &Simulator, ledger: &Ledger, payment: &Payment, now: Timestamp) -> i64 {
    let row = ledger.shipments.get(&payment.out_trade_no).cloned().unwrap_or_default();
    match row {
        _ if is_refunded(ledger, payment) => 5,
        row if row.settled_ms.is_some() => 4,
        Shipment { confirmed_ms: Some(at), .. } if now < later(simulator, at, CONFIRMED_SECONDS) => 3,
        Shipment { confirmed_ms: Some(_), .. } => 6,
        row if row.finished => 2,
        _ => 1,
    }
}

/// What is said of an order in every push about it.
fn named(simulator: &Simulator, payment: &Payment) -> Value {
    json!({
        "transaction_id": payment.transaction_id,
        "merchant_id": simulator.options().mchid,
        "sub_merchant_id": "",
        "merchant_trade_no": payment.out_trade_no,
        "pay_time": payment.success_ms.map(Timestamp::seconds),
    })
}

fn with(mut named: Value, fields: &[(&str, Value)]) -> Value {
    for (name, value) in fields {
        named[*name] = value.clone();
    }
    named
}

/// All of an order is on its way: what to keep, with the push that says so.
pub(super) fn finish(simulator: &Simulator, payment: &Payment, mut row: Shipment, now: Timestamp) -> Vec<Record> {
    let due = later(simulator, now, RECEIVE_SECONDS);
    row.due_ms = Some(due);
    let settles = later(simulator, due, SETTLE_SECONDS);
    let said = [("shipped_time", json!(now.seconds())), ("estimated_settlement_time", json!(settles.seconds()))];
    let fields = with(named(simulator, payment), &said);
    let told = push::event(simulator, payment, "trade_manage_order_settlement", &fields, now);
    told.into_iter().chain([Record::Shipment(Box::new(row))]).collect()
}

/// The order is received: its money is settled a day later.
fn confirm(simulator: &Simulator, mut row: Shipment, by_hand: bool, now: Timestamp) -> Record {
    (row.confirmed_ms, row.confirmed_by_hand) = (Some(now), by_hand);
    row.due_ms = Some(later(simulator, now, SETTLE_SECONDS));
    Record::Shipment(Box::new(row))
}

/// The merchant gets the money.
fn settle(simulator: &Simulator, payment: &Payment, mut row: Shipment, now: Timestamp) -> Vec<Record> {
    let said = [
        ("confirm_receive_method", json!(if row.confirmed_by_hand { 2 } else { 1 })),
        ("confirm_receive_time", json!(row.confirmed_ms.map(Timestamp::seconds))),
        ("settlement_time", json!(now.seconds())),
    ];
    (row.settled_ms, row.due_ms) = (Some(now), None);
    let fields = with(named(simulator, payment), &said);
    let told = push::event(simulator, payment, "trade_manage_order_settlement", &fields, now);
    told.into_iter().chain([Record::Shipment(Box::new(row))]).collect()
}

/// The merchant is told that an order waits; one that never sent anything is told that it could.
fn remind(simulator: &Simulator, ledger: &Ledger, payment: &Payment, mut row: Shipment, now: Timestamp) -> Vec<Record> {
    (row.reminded_ms, row.due_ms) = (Some(now), None);
    let ever = ledger.shipments.rows().any(|row| row.uploads > 0);
    let (name, text) = if ever {
        ("trade_manage_remind_shipping", "订单已超过48小时未发货，请及时发货并录入发货信息")
    } else {
        ("trade_manage_remind_access_api", "请接入发货信息管理服务")
    };
    let fields = if ever { with(named(simulator, payment), &[("msg", json!(text))]) } else { json!({ "msg": text }) };
    let told = push::event(simulator, payment, name, &fields, now);
    told.into_iter().chain([Record::Shipment(Box::new(row))]).collect()
}

/// Lets everything happen whose time has come.
pub(super) fn advance(simulator: &Simulator, ledger: &mut Ledger, now: Timestamp) -> Result<(), Error> {
    for row in ledger.trading(now) {
        let Some(payment) = ledger.payments.get(&row.out_trade_no).cloned() else { continue };
        let records = match &row {
            // The money of a refunded order is gone.
            _ if is_refunded(ledger, &payment) => {
                vec![Record::Shipment(Box::new(Shipment { due_ms: None, ..row }))]
            }
            Shipment { confirmed_ms: Some(_), .. } => settle(simulator, &payment, row, now),
            Shipment { finished: true, .. } => vec![confirm(simulator, row, false, now)],
            _ => remind(simulator, ledger, &payment, row, now),
        };
        ledger.put(records)?;
    }
    Ok(())
}

impl Simulator {
    /// The buyer confirms in WeChat that the goods are there.
    pub fn confirm_receipt(&self, out_trade_no: &str) -> Result<Shipment, Error> {
        self.change_trade(out_trade_no, |ledger, payment, row, now| match row {
            _ if is_refunded(ledger, payment) => Err(Error::Refused("the money went back")),
            row if !row.finished => Err(Error::Refused("the order was not sent, or not all of it")),
            row if row.confirmed_ms.is_some() => Err(Error::Refused("the order was received")),
            row => Ok(vec![confirm(self, row, true, now)]),
        })
    }

    /// WeChat misses the shipping information of an order now, instead of after 48 hours.
    pub fn remind_shipping(&self, out_trade_no: &str) -> Result<Shipment, Error> {
        self.change_trade(out_trade_no, |ledger, payment, row, now| {
            if row.finished {
                return Err(Error::Refused("the order was sent"));
            }
            Ok(remind(self, ledger, payment, row, now))
        })
    }

    fn change_trade(
        &self,
        out_trade_no: &str,
        change: impl FnOnce(&Ledger, &Payment, Shipment, Timestamp) -> Result<Vec<Record>, Error>,
    ) -> Result<Shipment, Error> {
        let now = self.now();
        let mut ledger = self.lock();
        let payment = ledger.payments.get(out_trade_no).filter(|payment| payment.transaction_id.is_some()).cloned();
        let payment = payment.ok_or_else(|| Error::missing("payment", out_trade_no))?;
        let row = ledger.shipments.get(out_trade_no).cloned();
        let row = row.ok_or_else(|| Error::missing("shipment", out_trade_no))?;
        let records = change(&ledger, &payment, row, now)?;
        ledger.put(records)?;
        let row = ledger.shipments.get(out_trade_no).cloned().unwrap_or_default();
        drop(ledger);
        self.0.bell.notify_one();
        Ok(row)
    }
}
