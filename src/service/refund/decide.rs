//! Who may have money back, and how much.

use crate::{
    app::{App, random_number},
    data::{self, Session},
    model::{
        id::{OrderId, RefundId},
        idempotency::IdempotencyKey,
        job::Work,
        money::Fen,
        page::{Page, Place},
        refund::{REFUNDS_MAX, Refund, RefundCause, RefundRefusal, RefundState},
    },
    service::{
        Error, Fault, attempt,
        audit::{self},
        idempotency::Intent,
        job, payment,
        staff::Clerk,
        token::Buyer,
    },
};

/// The buyer asks for money back; staff decide. The amount is set aside at once, so that all that is asked for together
/// never exceeds what was paid.
pub async fn request(
    app: &App,
    buyer: &Buyer,
    key: &IdempotencyKey,
    id: OrderId,
    amount: Fen,
    reason: &str,
) -> Result<Refund, Error<RefundRefusal>> {
    let intent = Intent::new(&format!("buyer:{}", buyer.id), "refund.request", key, &(id, amount, reason));
    attempt(|| async {
        let mut session = app.database.write().await?;
        if let Some(refund) = intent.replay::<Refund, RefundRefusal>(&mut session, app.now()).await? {
            session.commit().await?;
            return Ok(refund);
        }
        data::order::find_of(&mut session, buyer.id, id).await?.ok_or(RefundRefusal::OrderMissing)?;
        let refund = set_aside(app, &mut session, id, amount, RefundCause::Buyer, reason).await?;
        intent.keep(&mut session, &refund).await?;
        session.commit().await?;
        Ok(refund)
    })
    .await
}

/// Staff give money back of their own accord.
pub async fn start(
    app: &App,
    clerk: &Clerk,
    key: &IdempotencyKey,
    id: OrderId,
    amount: Fen,
    reason: &str,
) -> Result<Refund, Error<RefundRefusal>> {
    let intent = Intent::new(&clerk.actor(), "refund.start", key, &(id, amount, reason));
    let refund = attempt(|| async {
        let mut act = audit::begin(app).await?;
        if let Some(refund) = intent.replay::<Refund, RefundRefusal>(&mut act, app.now()).await? {
            act.unchanged().await?;
            return Ok(refund);
        }
        data::order::find(&mut act, id).await?.ok_or(RefundRefusal::OrderMissing)?;
        let refund = set_aside(app, &mut act, id, amount, RefundCause::Staff, reason).await?;
        job::enqueue(app, &mut act, &Work::SendRefund { refund: refund.id }, app.now()).await?;
        intent.keep(&mut act, &refund).await?;
        act.commit::<RefundRefusal>(app, clerk, "refund.start", &format!("order:{id}"), &refund).await?;
        Ok(refund)
    })
    .await?;
    app.jobs_due.notify_one();
    Ok(refund)
}

async fn set_aside(
    app: &App,
    session: &mut Session,
    order_id: OrderId,
    amount: Fen,
    cause: RefundCause,
    reason: &str,
) -> Result<Refund, Error<RefundRefusal>> {
    if !data::order::hold_refund(session, order_id, amount).await? {
        let order = data::order::find(session, order_id).await?.ok_or(RefundRefusal::OrderMissing)?;
        let left = order.total_fen.minus(order.refund_held_fen).unwrap_or_default();
        return Err(if order.state.was_paid() && left > Fen::ZERO {
            RefundRefusal::TooMuch { left }.into()
        } else {
            RefundRefusal::OrderForbids { state: order.state }.into()
        });
    }
    let (transaction_id, paid_fen) = payment::accepted(session, order_id)
        .await?
        .ok_or_else(|| Fault::broken(format!("order {order_id} is paid without a payment")))?;
    if data::refund::count(session, &transaction_id).await? >= REFUNDS_MAX {
        return Err(RefundRefusal::TooMany.into());
    }
    let id = app.ids.next(RefundId);
    let refund = Refund {
        id,
        order_id,
        transaction_id,
        out_refund_no: format!("R{id}{:04}", random_number(10_000)),
        refund_id: None,
        amount_fen: amount,
        paid_fen,
        cause,
        reason: reason.to_owned(),
        state: if cause == RefundCause::Buyer { RefundState::Requested } else { RefundState::Approved },
        created_ms: app.now(),
        sent_ms: None,
        ended_ms: None,
    };
    if data::refund::insert(session, &refund).await? {
        Ok(refund)
    } else {
        Err(Fault::contended("the refund number is taken").into())
    }
}

/// Staff agree: a job sends it.
pub async fn approve(app: &App, clerk: &Clerk, id: RefundId) -> Result<Refund, Error<RefundRefusal>> {
    let refund = decide(app, clerk, id, RefundState::Approved).await?;
    app.jobs_due.notify_one();
    Ok(refund)
}

/// Staff do not agree: what was set aside is free again.
pub async fn reject(app: &App, clerk: &Clerk, id: RefundId) -> Result<Refund, Error<RefundRefusal>> {
    decide(app, clerk, id, RefundState::Rejected).await
}

async fn decide(app: &App, clerk: &Clerk, id: RefundId, to: RefundState) -> Result<Refund, Error<RefundRefusal>> {
    attempt(|| async {
        let mut act = audit::begin(app).await?;
        let seen = data::refund::find(&mut act, id).await?.ok_or(RefundRefusal::NotFound)?;
        if seen.state != RefundState::Requested {
            return Err(RefundRefusal::StateForbids { state: seen.state }.into());
        }
        if !data::refund::advance(&mut act, &seen, to, None, app.now()).await? {
            return Err(Fault::contended("the refund moved").into());
        }
        let action = if to == RefundState::Approved {
            job::enqueue(app, &mut act, &Work::SendRefund { refund: id }, app.now()).await?;
            "refund.approve"
        } else {
            data::order::free_refund(&mut act, seen.order_id, seen.amount_fen).await?;
            "refund.reject"
        };
        let refund = data::refund::find(&mut act, id).await?.ok_or(RefundRefusal::NotFound)?;
        act.commit(app, clerk, action, &format!("order:{}", seen.order_id), &refund).await.map(|()| refund)
    })
    .await
}

/// A page of refunds, latest first, for staff.
pub async fn list(
    app: &App,
    state: Option<RefundState>,
    before: Option<i64>,
    limit: i64,
) -> Result<Page<Refund>, Error<RefundRefusal>> {
    let mut session = app.database.read().await?;
    let rows = data::refund::list_all(&mut session, state, before.unwrap_or(i64::MAX), limit + 1).await?;
    Ok(Page::cut(rows, limit, |refund| Place { value: 0, id: refund.id.0 }))
}
