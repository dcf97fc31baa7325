//! The one way for money into an order.

use super::book::{accept, compare, give_back, retake, sell, store, suspend};
use crate::{
    app::App,
    data::{self, Session},
    model::{
        job::Claim,
        order::OrderMove,
        payment::{FactSource, Judgement, PaymentFact, SuspenseReason, judge},
        refund::RefundCause,
        refusal::Refusal,
    },
    planted::{Bug, planted},
    service::{
        Error, Fault, attempt,
        job::{self, Next},
    },
    wechat::pay::Transaction,
};

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
    app.ingest.facts.notify_one();
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

/// Do with money what is right, in the session at hand.
pub(in crate::service) async fn put_to_order(
    app: &App,
    session: &mut Session,
    fact: &PaymentFact,
) -> Result<Outcome, Fault> {
    if let Some(known) = data::payment::find(session, &fact.transaction_id).await? {
        if planted(Bug::DuplicateEffect) {
            sell(session, known.order_id).await?;
        }
        return compare(app, session, &fact.known_to(&known.openid), &known).await;
    }
    let Some(prepay) = data::payment::find_prepay_by_number(session, &fact.out_trade_no).await? else {
        return suspend(app, session, fact, SuspenseReason::OrderUnknown).await;
    };
    let fact = &fact.known_to(&prepay.openid);
    let order = data::order::find(session, prepay.order_id).await?;
    let order = order.ok_or_else(|| Fault::broken(format!("prepay {} without its order", prepay.id)))?;
    let verdict = match judge(fact, &prepay, &order) {
        Judgement::Suspend(SuspenseReason::AmountDiffers) if planted(Bug::MissingAmountCheck) => Ok(OrderMove::Pay),
        Judgement::Suspend(SuspenseReason::MerchantDiffers) if planted(Bug::ForeignMerchant) => Ok(OrderMove::Pay),
        Judgement::Late if planted(Bug::PaidAfterCancel) => Ok(OrderMove::Revive),
        Judgement::Suspend(reason) => return suspend(app, session, fact, reason).await,
        Judgement::Accept => Ok(OrderMove::Pay),
        Judgement::Late if retake(app, session, &order).await? => Ok(OrderMove::Revive),
        Judgement::Late => Err(RefundCause::LatePayment),
        Judgement::Second => Err(RefundCause::SecondPayment),
    };
    store(app, session, fact, &order, verdict.is_ok()).await?;
    data::payment::pay_prepay(session, prepay.id).await?;
    match verdict {
        Ok(step) => accept(app, session, &order, step).await.map(|()| Outcome::Accepted),
        Err(cause) => give_back(app, session, fact, &order, cause).await.map(|()| Outcome::Returned),
    }
}
