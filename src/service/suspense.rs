//! Money that fits no order, in the hands of staff. What they do starts from what WeChat says now, not from what it said.

use crate::{
    app::App,
    data::{self, Session},
    model::{
        id::OrderId,
        job::Work,
        order::OrderState,
        page::{Page, Place},
        payment::{FactSource, PaymentFact},
        refund::RefundCause,
        suspense::{Resolution, Suspense, SuspenseRefusal},
    },
    service::{
        Error, Fault, attempt,
        audit::{self, Act},
        job,
        payment::{self, Outcome},
        staff::Clerk,
    },
};

type Refused = Error<SuspenseRefusal>;

/// A page of the inbox, latest first: what waits, or all there ever was.
pub async fn list(app: &App, open: bool, before: Option<i64>, limit: i64) -> Result<Page<Suspense>, Refused> {
    let mut session = app.database.read().await?;
    let rows = data::suspense::list(&mut session, open, before.unwrap_or(i64::MAX), limit + 1).await?;
    Ok(Page::cut(rows, limit, |row| Place { value: 0, id: row.id.0 }))
}

async fn find(session: &mut Session, transaction_id: &str) -> Result<Suspense, Refused> {
    Ok(data::suspense::find(session, transaction_id).await?.ok_or(SuspenseRefusal::NotFound)?)
}

/// The money, if it still waits.
async fn waiting(session: &mut Session, transaction_id: &str) -> Result<Suspense, Refused> {
    let row = find(session, transaction_id).await?;
    match row.resolution {
        None => Ok(row),
        Some(resolution) => Err(SuspenseRefusal::Resolved { resolution }.into()),
    }
}

/// What WeChat says of this money now; `None` when it knows no such payment under that number.
async fn confirmed(app: &App, row: &Suspense) -> Result<Option<PaymentFact>, Refused> {
    let told = match row.order_id {
        Some(order) => payment::find_transaction(app, order, &row.out_trade_no).await?,
        None => app.wechat.find_transaction(&row.out_trade_no).await?,
    };
    let told = told.filter(|told| told.is_paid() && told.transaction_id.as_deref() == Some(&*row.transaction_id));
    Ok(told.map(|told| payment::fact(&told, FactSource::Query)).transpose()?)
}

/// Send it back whole: only where the attempt is ours, and as much as WeChat says was paid.
pub async fn refund(app: &App, clerk: &Clerk, transaction_id: &str) -> Result<Suspense, Refused> {
    let mut session = app.database.read().await?;
    let row = waiting(&mut session, transaction_id).await?;
    if row.order_id.is_none() {
        return Err(SuspenseRefusal::NotOurs.into());
    }
    if data::payment::find(&mut session, transaction_id).await?.is_some() {
        // A twin of this request may have booked it between the two looks: then it is resolved.
        waiting(&mut session, transaction_id).await?;
        return Err(SuspenseRefusal::Booked.into());
    }
    drop(session);
    let fact = confirmed(app, &row).await?.ok_or(SuspenseRefusal::Unconfirmed)?;
    let row = attempt(|| refund_once(app, clerk, &fact)).await?;
    app.jobs_due.notify_one();
    Ok(row)
}

async fn refund_once(app: &App, clerk: &Clerk, fact: &PaymentFact) -> Result<Suspense, Refused> {
    let mut act = audit::begin(app).await?;
    let transaction_id = &*fact.transaction_id;
    resolve(app, &mut act, clerk, transaction_id, Resolution::Refunded, None).await?;
    if data::payment::find(&mut act, transaction_id).await?.is_some() {
        return Err(SuspenseRefusal::Booked.into());
    }
    let prepay = data::payment::find_prepay_by_number(&mut act, &fact.out_trade_no).await?;
    let prepay = prepay.ok_or(SuspenseRefusal::NotOurs)?;
    let order = data::order::find(&mut act, prepay.order_id).await?;
    let order = order.ok_or_else(|| Fault::broken(format!("prepay {} without its order", prepay.id)))?;
    payment::store(app, &mut act, fact, &order, false).await?;
    data::payment::pay_prepay(&mut act, prepay.id).await?;
    payment::give_back(app, &mut act, fact, &order, RefundCause::Suspense).await?;
    release(app, &mut act, Some(order.id)).await?;
    commit(app, act, clerk, "suspense.refund", transaction_id, &fact.of_payer("")).await
}

/// Ask WeChat again and judge anew: what was mended since may let it be put to its order.
pub async fn retry(app: &App, clerk: &Clerk, transaction_id: &str) -> Result<Suspense, Refused> {
    let row = waiting(&mut app.database.read().await?, transaction_id).await?;
    let fact = confirmed(app, &row).await?.ok_or(SuspenseRefusal::Unconfirmed)?;
    let row = attempt(|| retry_once(app, clerk, &fact)).await?;
    app.jobs_due.notify_one();
    Ok(row)
}

async fn retry_once(app: &App, clerk: &Clerk, fact: &PaymentFact) -> Result<Suspense, Refused> {
    let mut act = audit::begin(app).await?;
    let transaction_id = &*fact.transaction_id;
    let row = waiting(&mut act, transaction_id).await?;
    let outcome = payment::put_to_order(app, &mut act, fact).await?;
    if outcome != Outcome::Suspended {
        // Putting it to its order has resolved it already, if it waited with the same figures.
        data::suspense::resolve(&mut act, transaction_id, Resolution::Settled, None, None, app.now()).await?;
        data::suspense::sign(&mut act, transaction_id, clerk.id).await?;
        release(app, &mut act, row.order_id).await?;
    }
    commit(app, act, clerk, "suspense.retry", transaction_id, &(outcome.word(), fact.of_payer(""))).await
}

/// It is none of ours: money of another system under the same merchant, or a statement that WeChat does not stand by.
pub async fn dismiss(app: &App, clerk: &Clerk, transaction_id: &str, note: &str) -> Result<Suspense, Refused> {
    let mut session = app.database.read().await?;
    let row = waiting(&mut session, transaction_id).await?;
    let booked = data::payment::find(&mut session, transaction_id).await?.is_some();
    drop(session);
    if row.order_id.is_some() && !booked && confirmed(app, &row).await?.is_some() {
        return Err(SuspenseRefusal::Ours.into());
    }
    attempt(|| async {
        let mut act = audit::begin(app).await?;
        resolve(app, &mut act, clerk, transaction_id, Resolution::Dismissed, Some(note)).await?;
        release(app, &mut act, row.order_id).await?;
        commit(app, act, clerk, "suspense.dismiss", transaction_id, &note).await
    })
    .await
}

/// It waits no more; refused when somebody was faster.
async fn resolve(
    app: &App,
    session: &mut Session,
    clerk: &Clerk,
    transaction_id: &str,
    resolution: Resolution,
    note: Option<&str>,
) -> Result<(), Refused> {
    if data::suspense::resolve(session, transaction_id, resolution, note, Some(clerk.id), app.now()).await? {
        return Ok(());
    }
    waiting(session, transaction_id).await?;
    Err(Fault::contended("the money moved").into())
}

/// An order that waited because of this money is looked at as soon as its time is over, not at the next hour.
async fn release(app: &App, session: &mut Session, order: Option<OrderId>) -> Result<(), Fault> {
    let Some(id) = order else { return Ok(()) };
    let order = data::order::find(session, id).await?;
    if let Some(order) = order.filter(|order| order.state == OrderState::Pending) {
        let key = job::subject(&Work::CloseUnpaidOrder { order: id });
        data::job::hasten(session, &key, order.expires_ms.max(app.now())).await?;
    }
    Ok(())
}

async fn commit(
    app: &App,
    mut act: Act,
    clerk: &Clerk,
    action: &str,
    transaction_id: &str,
    detail: &(impl serde::Serialize + Sync),
) -> Result<Suspense, Refused> {
    let row = find(&mut act, transaction_id).await?;
    act.commit::<SuspenseRefusal>(app, clerk, action, &format!("suspense:{transaction_id}"), detail).await?;
    Ok(row)
}
