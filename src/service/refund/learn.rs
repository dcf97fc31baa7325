//! What WeChat says of a refund, by notice, by reply or by query: one way for all.

use crate::{
    app::App,
    data::{self, Session},
    model::{
        event::{Event, EventKind},
        order::{OrderMove, OrderState},
        refund::{Refund, RefundFact, RefundState},
        refusal::Refusal,
    },
    service::{
        Error, Fault, attempt, message,
        payment::{self, Ending},
    },
    wechat::pay::{RefundState as Told, RefundStatus},
};

/// A statement of WeChat about a refund, as a fact.
pub fn fact(told: &Told) -> RefundFact {
    RefundFact {
        out_refund_no: told.out_refund_no.clone(),
        refund_id: told.refund_id.clone(),
        transaction_id: told.transaction_id.clone(),
        amount_fen: told.refund,
        state: match told.status {
            RefundStatus::Success => RefundState::Succeeded,
            RefundStatus::Closed => RefundState::Closed,
            RefundStatus::Processing => RefundState::Processing,
            RefundStatus::Abnormal => RefundState::Abnormal,
        },
    }
}

/// Take note of where a refund stands; returns it as it stands then, or `None` when it is not ours.
pub async fn learn<R: Refusal>(app: &App, fact: &RefundFact, ending: &Ending) -> Result<Option<Refund>, Error<R>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        let (refund, outcome) = take_note(app, &mut session, fact).await?;
        ending.end(app, &mut session, outcome).await?;
        session.commit().await?;
        app.ingest.facts.notify_one();
        Ok(refund)
    })
    .await
}

/// The same in the session at hand; with a word for the notice.
pub(super) async fn take_note(
    app: &App,
    session: &mut Session,
    fact: &RefundFact,
) -> Result<(Option<Refund>, &'static str), Fault> {
    let Some(seen) = data::refund::find_by_number(session, &fact.out_refund_no).await? else {
        tracing::error!(out_refund_no = fact.out_refund_no, "WeChat speaks of a refund that is not ours: look at it");
        return Ok((None, "unknown"));
    };
    if seen.amount_fen != fact.amount_fen || seen.transaction_id != fact.transaction_id {
        tracing::error!(refund.id = %seen.id, "WeChat's refund differs from ours: look at it");
        return Ok((Some(seen), "differs"));
    }
    if seen.state == fact.state || !follows(seen.state, fact.state) {
        return Ok((Some(seen), "known"));
    }
    if !data::refund::advance(session, &seen, fact.state, Some(&fact.refund_id), app.now()).await? {
        return Err(Fault::contended("the refund moved"));
    }
    match fact.state {
        RefundState::Succeeded if seen.is_of_order() => count(app, session, &seen).await?,
        RefundState::Closed if seen.is_of_order() => {
            data::order::free_refund(session, seen.order_id, seen.amount_fen).await?;
        }
        // Money that paid no order has to go back, whatever WeChat says of one try.
        RefundState::Closed => payment::give_back_again(app, session, &seen).await?,
        _ => {}
    }
    if matches!(fact.state, RefundState::Closed | RefundState::Abnormal) {
        tracing::error!(refund.id = %seen.id, state = %fact.state, "a refund did not reach the buyer: look at it");
    }
    let after = data::refund::find(session, seen.id).await?;
    Ok((after, fact.state.word()))
}

/// Which word of WeChat can follow where a refund stands. Late words about the past are not believed.
const fn follows(from: RefundState, to: RefundState) -> bool {
    let ends = matches!(to, RefundState::Succeeded | RefundState::Closed);
    match from {
        RefundState::Approved => ends || matches!(to, RefundState::Processing | RefundState::Abnormal),
        RefundState::Processing => ends || matches!(to, RefundState::Abnormal),
        RefundState::Abnormal => ends,
        _ => false,
    }
}

/// Count it as given back; when nothing is left the order is refunded.
async fn count(app: &App, session: &mut Session, refund: &Refund) -> Result<(), Fault> {
    data::order::add_refunded(session, refund.order_id, refund.amount_fen).await?;
    let order = data::order::find(session, refund.order_id).await?;
    let order = order.ok_or_else(|| Fault::broken(format!("refund {} without its order", refund.id)))?;
    if order.refunded_fen == order.total_fen
        && !data::order::advance(session, &order, OrderMove::Refund, OrderState::Refunded, "wechat", app.now()).await?
    {
        return Err(Fault::contended("the order moved"));
    }
    let refunded = Event::fact(EventKind::Refunded, refund.id, order.user_id, refund.amount_fen, app.now());
    data::event::note(session, &[refunded]).await?;
    message::refunded(app, session, &order, refund.id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_that_ended_is_not_brought_back() {
        for from in RefundState::ALL {
            for to in RefundState::ALL {
                let over = matches!(
                    from,
                    RefundState::Succeeded | RefundState::Closed | RefundState::Rejected | RefundState::Requested
                );
                let ours = matches!(to, RefundState::Requested | RefundState::Approved | RefundState::Rejected);
                assert!(!(follows(*from, *to) && (over || ours)), "{from} {to}");
            }
        }
        assert!(follows(RefundState::Abnormal, RefundState::Succeeded), "staff may mend it in the console");
    }
}
