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
        Error, attempt,
        job::{self, Next},
    },
    wechat::pay::{RefundOrder, RefundState as Told},
};
use std::time::Duration;

/// Send a refund that was decided. The number is the same on every retry, so WeChat pays it once.
pub async fn send(app: &App, claim: &Claim, id: RefundId) -> Result<(), Error<RefundRefusal>> {
    let mut session = app.database.read().await?;
    let refund = data::refund::find(&mut session, id).await?;
    let Some(refund) = refund.filter(|refund| refund.state == RefundState::Approved) else {
        return job::end_alone(app, claim, &Next::Done).await;
    };
    let last = data::refund::last_sent(&mut session, &refund.transaction_id).await?;
    drop(session);
    if refund.sent_ms.is_none()
        && let Some(due) =
            last.map(|last| last.plus(Duration::from_secs(REFUND_GAP_SECONDS))).filter(|due| app.now() < *due)
    {
        return job::end_alone(app, claim, &Next::Again(Work::SendRefund { refund: id }, due)).await;
    }
    let told = ask_wechat(app, &refund).await?;
    conclude(app, claim, id, &told, 0).await
}

async fn ask_wechat(app: &App, refund: &Refund) -> Result<Told, Error<RefundRefusal>> {
    // It may have arrived the last time, with its reply lost.
    if refund.sent_ms.is_some()
        && let Some(told) = app.wechat.find_refund(&refund.out_refund_no).await?
    {
        return Ok(told);
    }
    attempt(|| async {
        let mut session = app.database.write().await?;
        data::refund::send(&mut session, refund.id, app.now()).await?;
        session.commit().await?;
        Ok::<_, Error<RefundRefusal>>(())
    })
    .await?;
    let order = RefundOrder {
        transaction_id: &refund.transaction_id,
        out_refund_no: &refund.out_refund_no,
        reason: &refund.reason,
        refund: refund.amount_fen,
        total: refund.paid_fen,
    };
    Ok(app.wechat.refund(&order).await?)
}

/// Ask how a refund stands.
pub async fn poll(app: &App, claim: &Claim, id: RefundId, step: u32) -> Result<(), Error<RefundRefusal>> {
    let refund = data::refund::find(&mut app.database.read().await?, id).await?;
    let Some(refund) = refund.filter(|refund| refund.state == RefundState::Processing) else {
        return job::end_alone(app, claim, &Next::Done).await;
    };
    if let Some(told) = app.wechat.find_refund(&refund.out_refund_no).await? {
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
        let under_way = after.is_some_and(|refund| refund.state == RefundState::Processing);
        let next = if under_way {
            Next::Again(Work::PollRefund { refund: id, step }, next_poll(app.now(), step))
        } else {
            Next::Done
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
