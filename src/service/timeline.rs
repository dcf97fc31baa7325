//! The time line of an order, put together from the rows that its life left behind.

use crate::{
    app::App,
    data::{self, Session},
    model::{
        id::OrderId,
        job::Work,
        order::{Order, OrderRefusal},
        payment::Prepay,
        refund::Refund,
        time::Timestamp,
        timeline::{Event, EventKind},
    },
    service::{Error, job},
};
use serde::Serialize;
use serde_json::{Value, json};

/// Everything that happened to an order and its money, the oldest first.
pub async fn list(app: &App, id: OrderId) -> Result<Vec<Event>, Error<OrderRefusal>> {
    let mut session = app.database.read().await?;
    let order = data::order::find(&mut session, id).await?.ok_or(OrderRefusal::NotFound)?;
    let prepays = data::payment::list_prepays(&mut session, id).await?;
    let refunds = data::refund::list(&mut session, id).await?;
    let mut events = Vec::new();
    moves(&mut session, &order, &mut events).await?;
    money(&mut session, &order, &prepays, &refunds, &mut events).await?;
    told(&mut session, &order, &prepays, &refunds, &mut events).await?;
    work(&mut session, &order, &prepays, &refunds, &mut events).await?;
    events.sort_by_key(|event| event.at_ms);
    Ok(events)
}

fn event(at_ms: Timestamp, kind: EventKind, subject: &str, outcome: &str, row: &impl Serialize) -> Event {
    let detail = serde_json::to_value(row).unwrap_or(Value::Null);
    Event { at_ms, kind, subject: subject.to_owned(), outcome: outcome.to_owned(), detail }
}

/// The order's own moves, and its parcels.
async fn moves(session: &mut Session, order: &Order, events: &mut Vec<Event>) -> Result<(), data::Error> {
    for step in data::order::transitions(session, order.id).await? {
        events.push(event(step.created_ms, EventKind::Order, &order.number, step.to_state.word(), &step));
    }
    for parcel in data::shipment::list(session, order.id).await? {
        let detail = json!({ "carrier": parcel.carrier, "tracking_no": parcel.tracking_no });
        events.push(event(parcel.created_ms, EventKind::Shipment, &parcel.tracking_no, &parcel.carrier, &detail));
    }
    let report = data::shipment::find_report(session, order.id).await?.unwrap_or_default();
    let said = [
        (report.reminded_ms, "reminded"),
        (report.shipped_ms, "shipped"),
        (report.confirmed_ms, "confirmed"),
        (report.settled_ms, "settled"),
    ];
    for (at, word) in said {
        let at =
            at.map(|at| event(at, EventKind::Shipment, "wechat", word, &json!({ "method": report.confirm_method })));
        events.extend(at);
    }
    Ok(())
}

/// Attempts, payments, money that waits, and refunds with each stage they reached.
async fn money(
    session: &mut Session,
    order: &Order,
    prepays: &[Prepay],
    refunds: &[Refund],
    events: &mut Vec<Event>,
) -> Result<(), data::Error> {
    for prepay in prepays {
        let detail = json!({ "total_fen": prepay.total_fen, "state": prepay.state, "prepay_id": prepay.prepay_id,
            "prepaid_ms": prepay.prepaid_ms });
        events.push(event(prepay.created_ms, EventKind::Prepay, &prepay.out_trade_no, prepay.state.word(), &detail));
    }
    for payment in data::payment::list(session, order.id).await? {
        let detail = json!({ "transaction_id": payment.transaction_id, "total_fen": payment.total_fen,
            "accepted": payment.accepted, "source": payment.source, "success_ms": payment.success_ms });
        let outcome = if payment.accepted { "accepted" } else { "returned" };
        events.push(event(payment.created_ms, EventKind::Payment, &payment.out_trade_no, outcome, &detail));
    }
    for refund in refunds {
        let stages =
            [(Some(refund.created_ms), "decided"), (refund.sent_ms, "sent"), (refund.ended_ms, refund.state.word())];
        for (at, stage) in stages {
            if let Some(at) = at {
                events.push(event(at, EventKind::Refund, &refund.out_refund_no, stage, refund));
            }
        }
    }
    Ok(())
}

/// What WeChat was asked, and what it called for: believed or not.
async fn told(
    session: &mut Session,
    order: &Order,
    prepays: &[Prepay],
    refunds: &[Refund],
    events: &mut Vec<Event>,
) -> Result<(), data::Error> {
    for call in data::call::list(session, order.id).await? {
        let mut shown = event(call.created_ms, EventKind::Call, &call.subject, &call.answer, &call);
        shown.outcome = format!("{}: {}", call.operation, call.answer);
        events.push(shown);
    }
    let numbers = prepays.iter().map(|prepay| prepay.out_trade_no.as_str());
    let subjects: Vec<_> = numbers.chain(refunds.iter().map(|refund| refund.out_refund_no.as_str())).collect();
    for notice in data::notice::list(session, &subjects).await? {
        events.push(event(notice.received_ms, EventKind::Notice, &notice.subject, &notice.outcome, &notice));
    }
    for notice in data::notice::list_refused(session, &subjects).await? {
        events.push(event(notice.received_ms, EventKind::RefusedNotice, &notice.subject, &notice.reason, &notice));
    }
    for row in data::suspense::list_of(session, prepays).await? {
        events.push(event(row.created_ms, EventKind::Suspense, &row.out_trade_no, row.reason.word(), &row));
    }
    Ok(())
}

/// The jobs that follow the order, its attempts and its refunds, with their tries and the last error.
async fn work(
    session: &mut Session,
    order: &Order,
    prepays: &[Prepay],
    refunds: &[Refund],
    events: &mut Vec<Event>,
) -> Result<(), data::Error> {
    let mut keys = vec![job::subject(&Work::CloseUnpaidOrder { order: order.id })];
    keys.extend(prepays.iter().map(|prepay| job::subject(&Work::QueryPayment { prepay: prepay.id, step: 0 })));
    for refund in refunds {
        keys.push(job::subject(&Work::SendRefund { refund: refund.id }));
        keys.push(job::subject(&Work::PollRefund { refund: refund.id, step: 0 }));
    }
    keys.push(job::subject(&Work::ReceiveOrder { order: order.id }));
    let sent = data::shipment::find_shipping(session, order.id).await?.map_or(0, |shipping| shipping.version);
    keys.extend((1..=sent).map(|version| job::subject(&Work::UploadShipping { order: order.id, version })));
    for job in data::job::list_by_keys(session, &keys).await? {
        let subject = job.dedupe_key.as_deref().unwrap_or(&job.kind);
        events.push(event(job.created_ms, EventKind::Job, subject, job.state.word(), &job));
    }
    Ok(())
}
