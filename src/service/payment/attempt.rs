//! Attempts to be paid: begun, asked after, and ended.

use super::{
    ask as wechat_pay,
    settle::{Ending, Outcome, fact, settle},
};
use crate::{
    app::{App, random_number},
    data,
    model::{
        id::{OrderId, PrepayId},
        job::{Claim, Work},
        order::{Order, OrderState},
        payment::{FactSource, PaymentRefusal, Prepay, PrepayState, next_query},
        refusal::Refusal,
        time::{Timestamp, minutes},
    },
    planted::{Bug, planted, through_yuan},
    service::{
        Error, Fault, attempt,
        job::{self, Next},
        order::{self, Detail},
        token::Buyer,
    },
    wechat::{
        self, ErrorKind,
        pay::{Closing, RequestPayment},
    },
};
use std::time::Duration;

/// Begin to pay: exactly what `wx.requestPayment` takes. Calling it again gives the same attempt while it is good.
pub async fn begin(app: &App, buyer: &Buyer, id: OrderId) -> Result<RequestPayment, Error<PaymentRefusal>> {
    // A number that WeChat will not take any more is closed and replaced, once.
    for _ in 0..2 {
        let (order, prepay) = attempt(|| intend(app, buyer, id)).await?;
        if let Some(handle) = prepay.usable_handle(app.now()) {
            return Ok(app.wechat.request_payment(&prepay.appid, handle)?);
        }
        match ask_for_handle(app, &order, &prepay).await {
            Ok(handle) => {
                if attempt(|| keep_handle(app, prepay.id, &handle)).await? {
                    return Ok(app.wechat.request_payment(&prepay.appid, &handle)?);
                }
                // The order was closed or paid while WeChat answered; the next round says which.
            }
            Err(error) => match error.kind() {
                ErrorKind::OrderPaid | ErrorKind::OutTradeNoUsed | ErrorKind::OrderClosed => {
                    end_attempt::<PaymentRefusal>(app, &prepay).await?;
                }
                ErrorKind::Refused => return Err(PaymentRefusal::Refused { reason: error.message().to_owned() }.into()),
                _ => return Err(error.into()),
            },
        }
    }
    let order = data::order::find(&mut app.database.read().await?, id).await?.ok_or(PaymentRefusal::NotFound)?;
    Err(PaymentRefusal::StateForbids { state: order.state }.into())
}

/// Decide to ask WeChat, before asking: the attempt's row and the job that asks after it.
async fn intend(app: &App, buyer: &Buyer, id: OrderId) -> Result<(Order, Prepay), Error<PaymentRefusal>> {
    let mut session = app.database.write().await?;
    // Holds the order against being closed until this attempt can be seen.
    let pending = data::order::hold(&mut session, id, OrderState::Pending).await?;
    let order = data::order::find_of(&mut session, buyer.id, id).await?.ok_or(PaymentRefusal::NotFound)?;
    let now = app.now();
    if !pending {
        return Err(PaymentRefusal::StateForbids { state: order.state }.into());
    }
    if now >= order.expires_ms {
        return Err(PaymentRefusal::Expired.into());
    }
    if (&buyer.appid, &buyer.openid) != (&order.appid, &order.openid) {
        return Err(PaymentRefusal::PayerDiffers.into());
    }
    if let Some(prepay) = data::payment::find_open_prepay(&mut session, id).await? {
        session.commit().await?;
        return Ok((order, prepay));
    }
    let prepay_id = app.ids.next(PrepayId);
    let prepay = Prepay {
        id: prepay_id,
        order_id: id,
        out_trade_no: format!("{prepay_id}{:06}", random_number(1_000_000)),
        mchid: app.config.pay.mchid.clone(),
        appid: order.appid.clone(),
        openid: order.openid.clone(),
        total_fen: order.total_fen,
        state: PrepayState::Open,
        prepay_id: None,
        prepaid_ms: None,
        created_ms: now,
    };
    data::payment::insert_prepay(&mut session, &prepay).await?;
    let work = Work::QueryPayment { prepay: prepay_id, step: 0 };
    job::enqueue(app, &mut session, &work, next_question(app, &prepay)).await?;
    session.commit().await?;
    Ok((order, prepay))
}

async fn ask_for_handle(app: &App, order: &Order, prepay: &Prepay) -> Result<String, wechat::Error> {
    let description = format!("订单 {}", order.number);
    let wanted = wechat::pay::Prepay {
        appid: &prepay.appid,
        openid: &prepay.openid,
        out_trade_no: &prepay.out_trade_no,
        description: &description,
        total: if planted(Bug::FloatYuan) { through_yuan(prepay.total_fen) } else { prepay.total_fen },
        expires: order.expires_ms,
    };
    wechat_pay::prepay(app, order.id, &wanted).await
}

async fn keep_handle(app: &App, id: PrepayId, handle: &str) -> Result<bool, Error<PaymentRefusal>> {
    let mut session = app.database.write().await?;
    let kept = data::payment::keep_handle(&mut session, id, handle, app.now()).await?;
    session.commit().await?;
    Ok(kept)
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It can never be paid.
    Closed,
    /// It was paid, and the money is settled.
    Paid,
}

/// Make an attempt impossible to pay, or find that it was paid: query, close at WeChat, and only then close it here.
pub async fn end_attempt<R: Refusal>(app: &App, prepay: &Prepay) -> Result<Ended, Error<R>> {
    if planted(Bug::LocalFirstClose) {
        return close_here(app, prepay.id).await;
    }
    if query(app, prepay).await?.is_some() {
        return Ok(Ended::Paid);
    }
    match wechat_pay::close(app, prepay.order_id, &prepay.out_trade_no).await {
        Ok(Closing::AlreadyPaid) => {
            // Paid between our question and our order to close.
            let settled = query(app, prepay).await?;
            settled.map(|_| Ended::Paid).ok_or_else(|| Fault::broken("WeChat says paid and not paid at once").into())
        }
        Ok(Closing::Closed) => close_here(app, prepay.id).await,
        // WeChat never heard of it: our request to prepay did not arrive.
        Err(error) if error.kind() == ErrorKind::Missing => close_here(app, prepay.id).await,
        Err(error) => Err(error.into()),
    }
}

async fn close_here<R: Refusal>(app: &App, id: PrepayId) -> Result<Ended, Error<R>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        data::payment::close_prepay(&mut session, id).await?;
        session.commit().await?;
        Ok(Ended::Closed)
    })
    .await
}

/// Ask WeChat, and settle what it says; `None` when nothing was paid.
async fn query<R: Refusal>(app: &App, prepay: &Prepay) -> Result<Option<Outcome>, Error<R>> {
    match wechat_pay::transaction(app, prepay.order_id, &prepay.out_trade_no).await? {
        Some(transaction) if transaction.is_paid() => {
            let fact = fact(&transaction, FactSource::Query)?;
            settle(app, &fact, &Ending::Nothing).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// The buyer says that it was paid: WeChat is asked, the buyer is not believed.
pub async fn ask(app: &App, buyer: &Buyer, id: OrderId) -> Result<Detail, Error<PaymentRefusal>> {
    let mut session = app.database.read().await?;
    data::order::find_of(&mut session, buyer.id, id).await?.ok_or(PaymentRefusal::NotFound)?;
    let prepays = data::payment::list_prepays(&mut session, id).await?;
    drop(session);
    for prepay in prepays.iter().filter(|prepay| prepay.state == PrepayState::Open) {
        query::<PaymentRefusal>(app, prepay).await?;
    }
    order::view(app, buyer, id).await.map_err(|error| error.map(|_| PaymentRefusal::NotFound))
}

/// When WeChat is asked next about an attempt.
fn next_question(app: &App, prepay: &Prepay) -> Timestamp {
    let every = Duration::from_secs(app.config.pay.query_every_seconds);
    prepay.created_ms.plus(next_query(app.now().since(prepay.created_ms), every))
}

/// WeChat moves an end of the time to pay that is too near by up to a minute.
const PAYABLE_AFTER_MINUTES: u64 = 2;

/// The job that asks WeChat, should no notice have come, for as long as the attempt can be paid. One that comes late, say
/// after a night without WeChat, asks once and not once for each time it missed.
pub async fn follow(app: &App, claim: &Claim, id: PrepayId, step: usize) -> Result<(), Error<PaymentRefusal>> {
    let mut session = app.database.read().await?;
    let prepay = data::payment::find_prepay(&mut session, id).await?;
    let Some(prepay) = prepay.filter(|prepay| prepay.state == PrepayState::Open) else {
        drop(session);
        return job::end_alone(app, claim, &Next::Done).await;
    };
    let order = data::order::find(&mut session, prepay.order_id).await?;
    drop(session);
    if let Some(transaction) = wechat_pay::transaction(app, prepay.order_id, &prepay.out_trade_no).await?
        && transaction.is_paid()
    {
        let fact = fact(&transaction, FactSource::Query)?;
        return settle(app, &fact, &Ending::Job(claim.clone())).await.map(drop);
    }
    // While the order waits for money its end closes the attempt; of one that ended otherwise, time does.
    let payable = order.is_some_and(|order| {
        order.state == OrderState::Pending || app.now() < order.expires_ms.plus(minutes(PAYABLE_AFTER_MINUTES))
    });
    let next = if payable {
        Next::Again(Work::QueryPayment { prepay: id, step: step + 1 }, next_question(app, &prepay))
    } else {
        Next::Done
    };
    job::end_alone(app, claim, &next).await
}
