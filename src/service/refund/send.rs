//! Sending refunds to WeChat and asking after them.

use super::learn::{fact, take_note};
use crate::{
    app::App,
    data,
    model::{
        id::RefundId,
        job::{Claim, Work},
        refund::{REFUND_GAP_SECONDS, Refund, RefundRefusal, RefundState, poor_wait, too_old},
        refusal::Refusal,
        time::{Timestamp, minutes},
    },
    planted::{Bug, planted},
    service::{
        Error, Fault, attempt,
        job::{self, Next},
        payment,
    },
    wechat::{
        self, ErrorKind,
        pay::{RefundOrder, RefundState as Told},
    },
};
use std::time::Duration;

/// How long a refund stands back when too many were refused.
const STAND_BACK: Duration = Duration::from_secs(1);

/// Most characters of why a refund did not go.
const REASON_CHARS_MAX: usize = 255;

/// Send a refund that was decided. The number is the same on every retry, so WeChat pays it once.
pub async fn send(app: &App, claim: &Claim, id: RefundId) -> Result<(), Error<RefundRefusal>> {
    let Some(refund) = data::refund::find(&mut app.database.read().await?, id).await? else {
        return job::end_alone(app, claim, &Next::Done).await;
    };
    match refund.state {
        RefundState::Approved => {}
        // A notice came before the reply: what is left is to follow it.
        RefundState::Processing | RefundState::Abnormal => {
            return job::end_alone(app, claim, &next_poll(app.now(), &refund, 0)).await;
        }
        _ => return job::end_alone(app, claim, &Next::Done).await,
    }
    let refund = if planted(Bug::NewRefundNumber) { renumbered(refund, claim.attempt) } else { refund };
    // It may have arrived the last time, with its reply lost, or with a refusal that only meant "busy with it".
    if refund.sent_ms.is_some()
        && let Some(told) = payment::refund_state(app, refund.order_id, &refund.out_refund_no).await?
    {
        return conclude(app, claim, id, &told, 0).await;
    }
    let paid = data::payment::find(&mut app.database.read().await?, &refund.transaction_id).await?;
    if paid.is_some_and(|paid| too_old(paid.success_ms, app.now())) {
        return give_up(app, claim, &refund).await;
    }
    let again = |due| Next::Again(Work::SendRefund { refund: id }, due);
    let now = app.now();
    if !app.refused_refunds.take(now) {
        return job::end_alone(app, claim, &again(now.plus(STAND_BACK))).await;
    }
    if let Some(due) = attempt(|| take_turn(app, &refund)).await? {
        app.refused_refunds.give_back(now);
        return job::end_alone(app, claim, &again(due)).await;
    }
    let order = RefundOrder {
        transaction_id: &refund.transaction_id,
        out_refund_no: &refund.out_refund_no,
        reason: &refund.reason,
        refund: refund.amount_fen,
        total: refund.paid_fen,
    };
    match payment::send_refund(app, refund.order_id, &order).await {
        Ok(told) => {
            app.refused_refunds.give_back(now);
            conclude(app, claim, id, &told, 0).await
        }
        Err(error) => refused(app, claim, &refund, error).await,
    }
}

/// Under a number of its own for each retry, as [`Bug::NewRefundNumber`] has it.
fn renumbered(refund: Refund, attempt: i64) -> Refund {
    let retry = if attempt > 1 { format!("-{attempt}") } else { String::new() };
    Refund { out_refund_no: format!("{}{retry}", refund.out_refund_no), ..refund }
}

/// Note that the refund is about to be sent, or say when its turn comes: WeChat wants a minute between two refunds of one
/// payment, whichever workers send them.
async fn take_turn(app: &App, refund: &Refund) -> Result<Option<Timestamp>, Error<RefundRefusal>> {
    let mut session = app.database.write().await?;
    // The lock comes before the look: a worker that sends another one meanwhile waits, or has left its time to be seen.
    data::payment::hold(&mut session, &refund.transaction_id).await?;
    let last = data::refund::last_sent(&mut session, &refund.transaction_id, refund.id).await?;
    let due = last.map(|last| last.plus(Duration::from_secs(REFUND_GAP_SECONDS))).filter(|due| app.now() < *due);
    if due.is_some() {
        return Ok(due);
    }
    data::refund::send(&mut session, refund.id, app.now()).await?;
    session.commit().await?;
    Ok(None)
}

/// WeChat did not take it: staff can read why. A balance that is too small is not a failure of the job: it waits, longer
/// and longer, for staff to top it up. Anything else is tried again as jobs are, and asked after first.
async fn refused(app: &App, claim: &Claim, refund: &Refund, error: wechat::Error) -> Result<(), Error<RefundRefusal>> {
    let text: String = format!("{} {}", error.code(), error.message()).chars().take(REASON_CHARS_MAX).collect();
    let poor = error.kind() == ErrorKind::NotEnough;
    let tried_for = refund.sent_ms.map_or(Duration::ZERO, |first| app.now().since(first));
    let due = app.now().plus(poor_wait(tried_for));
    attempt(|| async {
        let mut session = app.database.write().await?;
        data::refund::explain(&mut session, refund.id, text.trim()).await?;
        if poor {
            let next = Next::Again(Work::SendRefund { refund: refund.id }, due);
            job::end(&mut session, claim, &next, app.now()).await?;
        }
        session.commit().await?;
        Ok::<(), Error<RefundRefusal>>(())
    })
    .await?;
    if !poor {
        return Err(error.into());
    }
    tracing::error!(refund.id = %refund.id, "the merchant's balance does not cover a refund: top it up");
    Ok(())
}

/// WeChat would not take it any more. What an order keeps is free again; money that paid no order has to go back by other
/// ways, and its job fails in plain sight until somebody sees to it.
async fn give_up(app: &App, claim: &Claim, refund: &Refund) -> Result<(), Error<RefundRefusal>> {
    let reason = RefundRefusal::TooOld;
    tracing::error!(refund.id = %refund.id, "a refund came too late for WeChat: look at it");
    attempt(|| async {
        let mut session = app.database.write().await?;
        if refund.is_of_order() {
            if !data::refund::advance(&mut session, refund, RefundState::Closed, None, app.now()).await? {
                return Err(Fault::contended("the refund moved").into());
            }
            data::order::free_refund(&mut session, refund.order_id, refund.amount_fen).await?;
            job::end(&mut session, claim, &Next::Done, app.now()).await?;
        }
        data::refund::explain(&mut session, refund.id, reason.code()).await?;
        session.commit().await?;
        Ok::<(), Error<RefundRefusal>>(())
    })
    .await?;
    if refund.is_of_order() { Ok(()) } else { Err(reason.into()) }
}

/// Ask how a refund stands.
pub async fn poll(app: &App, claim: &Claim, id: RefundId, step: u32) -> Result<(), Error<RefundRefusal>> {
    let refund = data::refund::find(&mut app.database.read().await?, id).await?;
    let followed = |refund: &Refund| matches!(refund.state, RefundState::Processing | RefundState::Abnormal);
    let Some(refund) = refund.filter(followed) else {
        return job::end_alone(app, claim, &Next::Done).await;
    };
    if let Some(told) = payment::refund_state(app, refund.order_id, &refund.out_refund_no).await? {
        return conclude(app, claim, id, &told, step + 1).await;
    }
    job::end_alone(app, claim, &next_poll(app.now(), &refund, step + 1)).await
}

/// Take note and end the job, in one transaction; until the refund has ended, ask again later.
async fn conclude(app: &App, claim: &Claim, id: RefundId, told: &Told, step: u32) -> Result<(), Error<RefundRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        let (after, _) = take_note(app, &mut session, &fact(told)).await?;
        let next = match after.filter(|refund| refund.id == id && refund.state != RefundState::Approved) {
            Some(refund) if matches!(refund.state, RefundState::Processing | RefundState::Abnormal) => {
                next_poll(app.now(), &refund, step)
            }
            Some(_) => Next::Done,
            // WeChat holds another refund under our number. The job must not end well: nobody would look at it.
            None => return Err(Fault::broken("what WeChat says of this refund does not fit it").into()),
        };
        job::end(&mut session, claim, &next, app.now()).await?;
        session.commit().await?;
        Ok(())
    })
    .await
}

/// Each minute for five minutes, then each ten minutes. What could not be handed over waits for a person in the merchant
/// console: every four hours.
fn next_poll(now: Timestamp, refund: &Refund, step: u32) -> Next {
    let wait = match (refund.state, step) {
        (RefundState::Abnormal, _) => minutes(4 * 60),
        (_, ..5) => minutes(1),
        _ => minutes(10),
    };
    Next::Again(Work::PollRefund { refund: refund.id, step }, now.plus(wait))
}
