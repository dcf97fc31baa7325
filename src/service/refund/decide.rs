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
        payment::Payment,
        refund::{REFUNDS_MAX, Refund, RefundCause, RefundRefusal, RefundState, too_old},
        upload::{Owner, Purpose},
    },
    service::{
        Error, Fault, attempt,
        audit::{self},
        idempotency::Intent,
        job, payment,
        staff::Clerk,
        token::Buyer,
        upload,
    },
};

/// What a buyer asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// How much.
    pub amount: Fen,
    /// Why.
    pub reason: &'a str,
    /// Pictures of what comes back, which the buyer has uploaded.
    pub picture_urls: &'a [String],
}

/// The buyer asks for money back; staff decide. The amount is set aside at once, so that all that is asked for together
/// never exceeds what was paid.
pub async fn request(
    app: &App,
    buyer: &Buyer,
    key: &IdempotencyKey,
    id: OrderId,
    asked: &Asked<'_>,
) -> Result<Refund, Error<RefundRefusal>> {
    let Asked { amount, reason, picture_urls } = *asked;
    let (actor, name) = (format!("buyer:{}", buyer.id), "refund.request");
    // Without pictures as ever, so that a request of before an update is known after it.
    let intent = match picture_urls {
        [] => Intent::new(&actor, name, key, &(id, amount, reason)),
        _ => Intent::new(&actor, name, key, &(id, amount, reason, picture_urls)),
    };
    attempt(|| async {
        let mut session = app.database.write().await?;
        if let Some(refund) = intent.replay::<Refund, RefundRefusal>(&mut session, app.now()).await? {
            session.commit().await?;
            return Ok(refund);
        }
        data::order::find_of(&mut session, buyer.id, id).await?.ok_or(RefundRefusal::OrderMissing)?;
        for url in picture_urls {
            if !upload::attach(app, &mut session, Owner::User(buyer.id), Purpose::Refund, url).await? {
                return Err(RefundRefusal::PictureMissing.into());
            }
        }
        let pictures = (!picture_urls.is_empty()).then(|| serde_json::to_string(picture_urls).unwrap_or_default());
        let wish = Wish { amount, cause: RefundCause::Buyer, reason, retry_of: None, pictures: pictures.as_deref() };
        let refund = set_aside(app, &mut session, id, &wish).await?;
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
        let wish = Wish { amount, cause: RefundCause::Staff, reason, retry_of: None, pictures: None };
        let refund = set_aside(app, &mut act, id, &wish).await?;
        job::enqueue(app, &mut act, &Work::SendRefund { refund: refund.id }, app.now()).await?;
        intent.keep(&mut act, &refund).await?;
        act.commit::<RefundRefusal>(app, clerk, "refund.start", &format!("order:{id}"), &refund.impersonal()).await?;
        Ok(refund)
    })
    .await?;
    app.jobs_due.notify_one();
    Ok(refund)
}

/// Staff try a closed refund again, under a new number. Its amount was free since, and is set aside anew; a refund that is
/// under way, or was tried again before, is not.
pub async fn retry(app: &App, clerk: &Clerk, id: RefundId) -> Result<Refund, Error<RefundRefusal>> {
    let refund = attempt(|| async {
        let mut act = audit::begin(app).await?;
        let closed = data::refund::find(&mut act, id).await?.ok_or(RefundRefusal::NotFound)?;
        if closed.state != RefundState::Closed {
            return Err(RefundRefusal::StateForbids { state: closed.state }.into());
        }
        if data::refund::find_retry(&mut act, id).await?.is_some() {
            return Err(RefundRefusal::Retried.into());
        }
        let (amount, cause, reason) = (closed.amount_fen, closed.cause, closed.reason.as_str());
        let wish = Wish { amount, cause, reason, retry_of: Some(id), pictures: closed.pictures.as_deref() };
        let refund = set_aside(app, &mut act, closed.order_id, &wish).await?;
        job::enqueue(app, &mut act, &Work::SendRefund { refund: refund.id }, app.now()).await?;
        let target = format!("order:{}", closed.order_id);
        act.commit::<RefundRefusal>(app, clerk, "refund.retry", &target, &(id, refund.impersonal())).await?;
        Ok(refund)
    })
    .await?;
    app.jobs_due.notify_one();
    Ok(refund)
}

/// What is wanted back of an order.
struct Wish<'a> {
    amount: Fen,
    cause: RefundCause,
    reason: &'a str,
    retry_of: Option<RefundId>,
    pictures: Option<&'a str>,
}

async fn set_aside(
    app: &App,
    session: &mut Session,
    order_id: OrderId,
    wish: &Wish<'_>,
) -> Result<Refund, Error<RefundRefusal>> {
    let Wish { amount, cause, reason, retry_of, pictures } = *wish;
    if !data::order::hold_refund(session, order_id, amount).await? {
        let order = data::order::find(session, order_id).await?.ok_or(RefundRefusal::OrderMissing)?;
        let left = order.total_fen.minus(order.refund_held_fen).unwrap_or_default();
        return Err(if order.state.was_paid() && left > Fen::ZERO {
            RefundRefusal::TooMuch { left }.into()
        } else {
            RefundRefusal::OrderForbids { state: order.state }.into()
        });
    }
    let Payment { transaction_id, total_fen: paid_fen, success_ms, .. } =
        payment::accepted(session, order_id)
            .await?
            .ok_or_else(|| Fault::broken(format!("order {order_id} is paid without a payment")))?;
    if too_old(success_ms, app.now()) {
        return Err(RefundRefusal::TooOld.into());
    }
    if data::refund::count(session, &transaction_id).await? >= REFUNDS_MAX {
        return Err(RefundRefusal::TooMany.into());
    }
    // What was asked for waits for staff; what they try again was decided.
    let asked = cause == RefundCause::Buyer && retry_of.is_none();
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
        state: if asked { RefundState::Requested } else { RefundState::Approved },
        created_ms: app.now(),
        sent_ms: None,
        last_sent_ms: None,
        last_error: None,
        retry_of,
        ended_ms: None,
        pictures: pictures.map(str::to_owned),
    };
    if data::refund::insert(session, &refund).await? {
        Ok(refund)
    } else {
        Err(Fault::contended("the refund number is taken, or the refund was tried again").into())
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
        let paid = data::payment::find(&mut act, &seen.transaction_id).await?;
        if to == RefundState::Approved && paid.is_some_and(|paid| too_old(paid.success_ms, app.now())) {
            return Err(RefundRefusal::TooOld.into());
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
        let detail = refund.impersonal();
        act.commit(app, clerk, action, &format!("order:{}", seen.order_id), &detail).await.map(|()| refund)
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
