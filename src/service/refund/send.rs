//! Sending refunds to WeChat and asking after them.

use super::learn::{fact, take_note};
use crate::{
    app::App,
    data,
    model::{
        id::RefundId,
        job::{Claim, Work},
        refund::{REFUND_GAP_SECONDS, Refund, RefundRefusal, RefundState},
        time::{Timestamp, minutes},
    },
    service::{
        Error, Fault, attempt,
        job::{self, Next},
        payment,
    },
    wechat::pay::{RefundOrder, RefundState as Told},
};
use std::time::Duration;

/// Send a refund that was decided. The number is the same on every retry, so WeChat pays it once.
pub async fn send(app: &App, claim: &Claim, id: RefundId) -> Result<(), Error<RefundRefusal>> {
    let refund = data::refund::find(&mut app.database.read().await?, id).await?;
    let Some(refund) = refund.filter(|refund| refund.state == RefundState::Approved) else {
        return job::end_alone(app, claim, &Next::Done).await;
    };
    // It may have arrived the last time, with its reply lost.
    if refund.sent_ms.is_some()
        && let Some(told) = payment::refund_state(app, refund.order_id, &refund.out_refund_no).await?
    {
        return conclude(app, claim, id, &told, 0).await;
    }
    if let Some(due) = attempt(|| take_turn(app, &refund)).await? {
        return job::end_alone(app, claim, &Next::Again(Work::SendRefund { refund: id }, due)).await;
    }
    let order = RefundOrder {
        transaction_id: &refund.transaction_id,
        out_refund_no: &refund.out_refund_no,
        reason: &refund.reason,
        refund: refund.amount_fen,
        total: refund.paid_fen,
    };
    let told = payment::send_refund(app, refund.order_id, &order).await?;
    conclude(app, claim, id, &told, 0).await
}

/// Note that the refund is about to be sent, or say when its turn comes: WeChat wants a minute between two refunds of one
/// payment, whichever workers send them. One that was sent before does not wait: it has had its turn.
async fn take_turn(app: &App, refund: &Refund) -> Result<Option<Timestamp>, Error<RefundRefusal>> {
    let mut session = app.database.write().await?;
    // The lock comes before the look: a worker that sends another one meanwhile waits, or has left its time to be seen.
    data::payment::hold(&mut session, &refund.transaction_id).await?;
    let last = data::refund::last_sent(&mut session, &refund.transaction_id).await?;
    let due = last.map(|last| last.plus(Duration::from_secs(REFUND_GAP_SECONDS))).filter(|due| app.now() < *due);
    if refund.sent_ms.is_none() && due.is_some() {
        return Ok(due);
    }
    data::refund::send(&mut session, refund.id, app.now()).await?;
    session.commit().await?;
    Ok(None)
}

/// Ask how a refund stands.
pub async fn poll(app: &App, claim: &Claim, id: RefundId, step: u32) -> Result<(), Error<RefundRefusal>> {
    let refund = data::refund::find(&mut app.database.read().await?, id).await?;
    let Some(refund) = refund.filter(|refund| refund.state == RefundState::Processing) else {
        return job::end_alone(app, claim, &Next::Done).await;
    };
    if let Some(told) = payment::refund_state(app, refund.order_id, &refund.out_refund_no).await? {
        return conclude(app, claim, id, &told, step + 1).await;
    }
    let next = Next::Again(Work::PollRefund { refund: id, step: step + 1 }, next_poll(app.now(), step + 1));
    job::end_alone(app, claim, &next).await
}

/// Take note and end the job, in one transaction; while WeChat works on it, ask again later.
async fn conclude(app: &App, claim: &Claim, id: RefundId, told: &Told, step: u32) -> Result<(), Error<RefundRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        let (after, _) = take_note(app, &mut session, &fact(told)).await?;
        let next = match after.map(|refund| refund.state) {
            Some(RefundState::Processing) => {
                Next::Again(Work::PollRefund { refund: id, step }, next_poll(app.now(), step))
            }
            // WeChat holds another refund under our number. The job must not end well: nobody would look at it.
            None | Some(RefundState::Approved) => {
                return Err(Fault::broken("what WeChat says of this refund does not fit it").into());
            }
            Some(_) => Next::Done,
        };
        job::end(&mut session, claim, &next, app.now()).await?;
        session.commit().await?;
        Ok(())
    })
    .await
}

/// Each minute for five minutes, then each ten minutes.
fn next_poll(now: Timestamp, step: u32) -> Timestamp {
    now.plus(minutes(if step < 5 { 1 } else { 10 }))
}
