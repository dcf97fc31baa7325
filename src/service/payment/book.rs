//! Writing money down: what it pays, what goes back, what waits for staff.

use super::settle::Outcome;
use crate::{
    app::App,
    data::{self, Session},
    model::{
        event::{Event, EventKind},
        id::{OrderId, PaymentId, RefundId, SuspenseId},
        job::Work,
        order::{Order, OrderMove},
        payment::{LatePolicy, Payment, PaymentFact, SuspenseReason},
        refund::{Refund, RefundCause, RefundState, successor_wait},
        stock::MoveKind,
        suspense::Resolution,
    },
    service::{Fault, job, message, order},
};
use std::collections::BTreeMap;

/// Money that WeChat told of before is told of again: the same, or something else that a person must look at.
pub(super) async fn compare(
    app: &App,
    session: &mut Session,
    fact: &PaymentFact,
    known: &Payment,
) -> Result<Outcome, Fault> {
    let prepay = data::payment::find_prepay_by_number(session, &known.out_trade_no).await?;
    if prepay.is_some_and(|prepay| fact.repeats(known, &prepay)) {
        return Ok(Outcome::Known);
    }
    suspend(app, session, fact, SuspenseReason::KnownDiffers).await
}

/// Let money wait for staff. What they have settled is not brought up again, unless WeChat says something else by now.
pub(super) async fn suspend(
    app: &App,
    session: &mut Session,
    fact: &PaymentFact,
    reason: SuspenseReason,
) -> Result<Outcome, Fault> {
    match data::suspense::find(session, &fact.transaction_id).await? {
        Some(row) if row.told().is_some_and(|told| told.same_figures(fact)) => match row.resolution {
            None => return Ok(Outcome::Suspended),
            // It was dismissed because WeChat did not confirm it for our attempt; now WeChat does.
            Some(Resolution::Dismissed)
                if !matches!(reason, SuspenseReason::OrderUnknown | SuspenseReason::KnownDiffers) =>
            {
                data::suspense::renew(session, fact, reason).await?;
            }
            Some(_) => return Ok(Outcome::Known),
        },
        Some(_) => {
            data::suspense::renew(session, fact, reason).await?;
        }
        None => {
            if !data::suspense::insert(session, app.ids.next(SuspenseId), fact, reason, app.now()).await? {
                return Err(Fault::contended("the same money was suspended at the same time"));
            }
        }
    }
    tracing::error!(
        out_trade_no = fact.out_trade_no,
        transaction_id = fact.transaction_id,
        %reason,
        "money does not fit and waits in suspense: look at it"
    );
    Ok(Outcome::Suspended)
}

/// Write money down, with whether it pays the order. If the same waited in suspense, it waits no more.
pub(in crate::service) async fn store(
    app: &App,
    session: &mut Session,
    fact: &PaymentFact,
    order: &Order,
    accepted: bool,
) -> Result<(), Fault> {
    let payment = Payment {
        id: app.ids.next(PaymentId),
        transaction_id: fact.transaction_id.clone(),
        order_id: order.id,
        out_trade_no: fact.out_trade_no.clone(),
        total_fen: fact.total_fen,
        openid: fact.openid.clone(),
        accepted,
        source: fact.source,
        success_ms: fact.success_ms,
        created_ms: app.now(),
    };
    if !data::payment::insert(session, &payment).await? {
        return Err(Fault::contended("the same money was settled at the same time"));
    }
    let waiting = data::suspense::find(session, &fact.transaction_id).await?;
    if waiting.and_then(|row| row.told()).is_some_and(|told| told.same_figures(fact)) {
        let settled = Resolution::Settled;
        data::suspense::resolve(session, &fact.transaction_id, settled, None, None, app.now()).await?;
    }
    Ok(())
}

/// The order is paid: the only place where one becomes so.
pub(super) async fn accept(app: &App, session: &mut Session, order: &Order, step: OrderMove) -> Result<(), Fault> {
    let to = order.state.after(step).filter(|_| step.pays());
    let to = to.ok_or_else(|| Fault::broken(format!("{step} does not pay a {} order", order.state)))?;
    if !data::order::advance(session, order, step, to, "wechat", app.now()).await? {
        return Err(Fault::contended("the order moved"));
    }
    let paid = Event::fact(EventKind::OrderPaid, order.id, order.user_id, order.total_fen, app.now());
    data::event::note(session, &[paid]).await?;
    message::paid(app, session, order).await?;
    sell(session, order.id).await
}

/// Count what was sold.
pub(super) async fn sell(session: &mut Session, order: OrderId) -> Result<(), Fault> {
    // In the order of ids, as everybody takes them.
    let mut sold = BTreeMap::new();
    for line in data::order::lines(session, order).await? {
        *sold.entry(line.product_id).or_insert(0) += line.qty;
    }
    for (product, qty) in sold {
        data::product::sell(session, product, qty).await?;
    }
    Ok(())
}

/// Late money, and a shop that rather delivers than refunds: set all pieces of the closed order aside again, or none.
pub(super) async fn retake(app: &App, session: &mut Session, closed: &Order) -> Result<bool, Fault> {
    if app.settings.now().live.pay.late_payment != LatePolicy::Reserve {
        return Ok(false);
    }
    // The order before its stock, as when it closed.
    if !data::order::hold(session, closed.id, closed.state).await? {
        return Err(Fault::contended("the order moved"));
    }
    let lines = data::order::lines(session, closed.id).await?;
    for (place, line) in lines.iter().enumerate() {
        if !data::stock::take(session, line.sku_id, line.qty).await? {
            for taken in &lines[..place] {
                data::stock::give(session, taken.sku_id, taken.qty).await?;
            }
            return Ok(false);
        }
    }
    let moves = order::stock_moves(app, closed, &lines, MoveKind::Retake, "wechat");
    data::stock::insert_moves(session, &moves).await?;
    Ok(true)
}

/// Money that pays no order goes back whole, under a number that only this money can have.
pub(in crate::service) async fn give_back(
    app: &App,
    session: &mut Session,
    fact: &PaymentFact,
    order: &Order,
    cause: RefundCause,
) -> Result<(), Fault> {
    let reason = match cause {
        RefundCause::LatePayment => "订单已关闭，款项原路退回",
        RefundCause::Suspense => "款项与订单不符，原路退回",
        _ => "订单重复支付，款项原路退回",
    };
    let refund = Refund {
        id: app.ids.next(RefundId),
        order_id: order.id,
        transaction_id: fact.transaction_id.clone(),
        out_refund_no: format!("R{}", fact.transaction_id),
        refund_id: None,
        amount_fen: fact.total_fen,
        paid_fen: fact.total_fen,
        cause,
        reason: reason.to_owned(),
        state: RefundState::Approved,
        created_ms: app.now(),
        sent_ms: None,
        last_sent_ms: None,
        last_error: None,
        retry_of: None,
        ended_ms: None,
        pictures: None,
    };
    tracing::warn!(order.id = %order.id, out_trade_no = fact.out_trade_no, %cause, "money goes back");
    data::refund::insert(session, &refund).await?;
    job::enqueue(app, session, &Work::SendRefund { refund: refund.id }, app.now()).await?;
    Ok(())
}

/// WeChat closed a refund of money that must go back: the next one, in the transaction that learns it. Its number follows
/// from how many there were, so nothing can make two of it.
pub(in crate::service) async fn give_back_again(
    app: &App,
    session: &mut Session,
    closed: &Refund,
) -> Result<(), Fault> {
    let nth = data::refund::count(session, &closed.transaction_id).await? + 1;
    let refund = Refund {
        id: app.ids.next(RefundId),
        out_refund_no: format!("R{}-{nth}", closed.transaction_id),
        refund_id: None,
        state: RefundState::Approved,
        created_ms: app.now(),
        sent_ms: None,
        last_sent_ms: None,
        last_error: None,
        retry_of: Some(closed.id),
        ended_ms: None,
        ..closed.clone()
    };
    if !data::refund::insert(session, &refund).await? {
        return Err(Fault::contended("the refund has a successor"));
    }
    let due = app.now().plus(successor_wait(nth));
    job::enqueue(app, session, &Work::SendRefund { refund: refund.id }, due).await?;
    tracing::error!(refund.id = %refund.id, out_refund_no = refund.out_refund_no, nth, "WeChat closed a refund of money that must go back; it is tried again");
    Ok(())
}

/// The money that an order was paid with.
pub(in crate::service) async fn accepted(
    session: &mut Session,
    order: OrderId,
) -> Result<Option<Payment>, data::Error> {
    let payments = data::payment::list(session, order).await?;
    Ok(payments.into_iter().find(|payment| payment.accepted))
}
