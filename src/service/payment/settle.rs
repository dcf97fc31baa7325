//! The one way for money into an order.

use crate::{
    app::App,
    data::{self, Session},
    model::{
        id::{OrderId, PaymentId, RefundId},
        job::{Claim, Work},
        money::Fen,
        order::{Order, OrderMove, OrderState},
        payment::{FactSource, Judgement, Payment, PaymentFact, SuspenseReason, judge},
        refund::{Refund, RefundCause, RefundState},
        refusal::Refusal,
    },
    service::{
        Error, Fault, attempt,
        job::{self, Next},
    },
    wechat::pay::Transaction,
};
use std::collections::BTreeMap;

/// A statement of WeChat about a payment, as a fact. The signature was checked; what is missing is WeChat's fault.
pub fn fact(transaction: &Transaction, source: FactSource) -> Result<PaymentFact, Fault> {
    let missing =
        |field: &str| Fault::broken(format!("WeChat says paid without {field} ({})", transaction.out_trade_no));
    Ok(PaymentFact {
        source,
        mchid: transaction.mchid.clone(),
        appid: transaction.appid.clone(),
        out_trade_no: transaction.out_trade_no.clone(),
        transaction_id: transaction.transaction_id.clone().ok_or_else(|| missing("transaction_id"))?,
        total_fen: transaction.total,
        currency: transaction.currency.clone(),
        openid: transaction.openid.clone().ok_or_else(|| missing("payer.openid"))?,
        success_ms: transaction.success.ok_or_else(|| missing("success_time"))?,
    })
}

/// What settling came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The order is paid by it.
    Accepted,
    /// It goes back: the order had closed, or was paid by other money.
    Returned,
    /// It fits no order and waits for staff.
    Suspended,
    /// It was settled before.
    Known,
}

impl Outcome {
    /// How the stored notice names it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Returned => "returned",
            Self::Suspended => "suspended",
            Self::Known => "known",
        }
    }
}

/// What is ended in the same transaction.
#[derive(Debug, Clone)]
pub enum Ending {
    /// Nothing.
    Nothing,
    /// The job that asked.
    Job(Claim),
    /// The stored notice that told.
    Notice {
        /// WeChat's id of it.
        id: String,
    },
}

impl Ending {
    /// End it in the session of the effect.
    pub(in crate::service) async fn end(&self, app: &App, session: &mut Session, outcome: &str) -> Result<(), Fault> {
        match self {
            Self::Nothing => {}
            Self::Job(claim) => job::end(session, claim, &Next::Done, app.now()).await?,
            Self::Notice { id } => {
                // Whoever else settled it has done the same, for it has one effect; the first word stays.
                data::notice::settle(session, id, outcome, app.now()).await?;
            }
        }
        Ok(())
    }
}

/// Money arrived, says WeChat: do with it what is right, once, whatever is repeated, late or at the same time.
pub async fn settle<R: Refusal>(app: &App, fact: &PaymentFact, ending: &Ending) -> Result<Outcome, Error<R>> {
    let outcome = attempt(|| settle_once(app, fact, ending)).await?;
    app.jobs_due.notify_one();
    tracing::info!(out_trade_no = fact.out_trade_no, source = %fact.source, outcome = outcome.word(), "money settled");
    Ok(outcome)
}

async fn settle_once<R: Refusal>(app: &App, fact: &PaymentFact, ending: &Ending) -> Result<Outcome, Error<R>> {
    let mut session = app.database.write().await?;
    let outcome = put_to_order(app, &mut session, fact).await?;
    ending.end(app, &mut session, outcome.word()).await?;
    session.commit().await?;
    Ok(outcome)
}

async fn put_to_order(app: &App, session: &mut Session, fact: &PaymentFact) -> Result<Outcome, Fault> {
    if data::payment::find(session, &fact.transaction_id).await?.is_some() {
        return Ok(Outcome::Known);
    }
    let Some(prepay) = data::payment::find_prepay_by_number(session, &fact.out_trade_no).await? else {
        return suspend(app, session, fact, SuspenseReason::OrderUnknown).await;
    };
    let order = data::order::find(session, prepay.order_id).await?;
    let order = order.ok_or_else(|| Fault::broken(format!("prepay {} without its order", prepay.id)))?;
    let judgement = judge(fact, &prepay, &order);
    let cause = match judgement {
        Judgement::Suspend(reason) => return suspend(app, session, fact, reason).await,
        Judgement::Accept => None,
        Judgement::Late => Some(RefundCause::LatePayment),
        Judgement::Second => Some(RefundCause::SecondPayment),
    };
    store(app, session, fact, &order, cause.is_none()).await?;
    data::payment::pay_prepay(session, prepay.id).await?;
    if let Some(cause) = cause {
        give_back(app, session, fact, &order, cause).await?;
        return Ok(Outcome::Returned);
    }
    accept(app, session, &order).await?;
    Ok(Outcome::Accepted)
}

async fn suspend(
    app: &App,
    session: &mut Session,
    fact: &PaymentFact,
    reason: SuspenseReason,
) -> Result<Outcome, Fault> {
    data::payment::suspend(session, fact, reason, app.now()).await?;
    tracing::error!(
        out_trade_no = fact.out_trade_no,
        transaction_id = fact.transaction_id,
        %reason,
        "money fits no order and waits in suspense: look at it"
    );
    Ok(Outcome::Suspended)
}

async fn store(
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
    if data::payment::insert(session, &payment).await? {
        Ok(())
    } else {
        Err(Fault::contended("the same money was settled at the same time"))
    }
}

/// The order is paid: the only place where one becomes so.
async fn accept(app: &App, session: &mut Session, order: &Order) -> Result<(), Fault> {
    if !data::order::advance(session, order, OrderMove::Pay, OrderState::Paid, "wechat", app.now()).await? {
        return Err(Fault::contended("the order moved"));
    }
    // In the order of ids, as everybody takes them.
    let mut sold = BTreeMap::new();
    for line in data::order::lines(session, order.id).await? {
        *sold.entry(line.product_id).or_insert(0) += line.qty;
    }
    for (product, qty) in sold {
        data::product::sell(session, product, qty).await?;
    }
    Ok(())
}

/// Money that pays no order goes back whole, under a number that only this money can have.
async fn give_back(
    app: &App,
    session: &mut Session,
    fact: &PaymentFact,
    order: &Order,
    cause: RefundCause,
) -> Result<(), Fault> {
    let reason = match cause {
        RefundCause::LatePayment => "订单已关闭，款项原路退回",
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
        ended_ms: None,
    };
    tracing::warn!(order.id = %order.id, out_trade_no = fact.out_trade_no, %cause, "money goes back");
    data::refund::insert(session, &refund).await?;
    job::enqueue(app, session, &Work::SendRefund { refund: refund.id }, app.now()).await?;
    Ok(())
}

/// The sum that an order was paid with, and by which money.
pub(in crate::service) async fn accepted(
    session: &mut Session,
    order: OrderId,
) -> Result<Option<(String, Fen)>, data::Error> {
    let payments = data::payment::list(session, order).await?;
    let paid = payments.into_iter().find(|payment| payment.accepted);
    Ok(paid.map(|payment| (payment.transaction_id, payment.total_fen)))
}
