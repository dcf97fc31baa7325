//! Orders that count as received although their buyer never said so here.

use crate::{
    app::App,
    data::{self, Session},
    model::{
        id::OrderId,
        job::{Claim, Work},
        order::{OrderMove, OrderRefusal, OrderState},
        refusal::Refusal,
        time::days,
    },
    service::{
        Error, Fault, attempt,
        job::{self, Next},
        order::advance,
    },
};

/// The time to confirm is over: the order is received, unless it was meanwhile, or more of it is to come.
pub async fn receive_in_time(app: &App, claim: &Claim, id: OrderId) -> Result<(), Error<OrderRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        let order = data::order::find(&mut session, id).await?.filter(|order| order.state == OrderState::Shipped);
        let shipping = data::shipment::find_shipping(&mut session, id).await?;
        let (Some(order), Some(shipping)) = (order, shipping) else {
            return end(app, session, claim, &Next::Done).await;
        };
        let next = match shipping.receive_ms {
            Some(due) if due <= app.now() => None,
            // It was corrected since, and time began anew.
            Some(due) => Some(due),
            // More was announced since: look again when it may have left.
            None if !shipping.all_sent => Some(app.now().plus(days(1))),
            None => return end(app, session, claim, &Next::Done).await,
        };
        if let Some(due) = next {
            return end(app, session, claim, &Next::Again(Work::ReceiveOrder { order: id }, due)).await;
        }
        if !advance(app, &mut session, &order, OrderMove::Receive, "timer").await? {
            return Err(Fault::contended("the order moved").into());
        }
        end(app, session, claim, &Next::Done).await
    })
    .await
}

async fn end<R: Refusal>(app: &App, mut session: Session, claim: &Claim, next: &Next) -> Result<(), Error<R>> {
    job::end(&mut session, claim, next, app.now()).await?;
    session.commit().await?;
    Ok(())
}

/// WeChat says that the buyer confirmed. Returns whether the order was moved by it: one that was received before stays
/// so, and so does one that was never sent here.
pub async fn receive_by_wechat<R: Refusal>(app: &App, session: &mut Session, id: OrderId) -> Result<bool, Error<R>> {
    let order = data::order::find(session, id).await?.filter(|order| order.state == OrderState::Shipped);
    let Some(order) = order else { return Ok(false) };
    let moved = advance(app, session, &order, OrderMove::Receive, "wechat").await;
    match moved {
        Ok(true) => Ok(true),
        Ok(false) => Err(Fault::contended("the order moved").into()),
        Err(Error::Fault(fault)) => Err(fault.into()),
        Err(Error::Refused(reason)) => Err(Fault::broken(reason.to_string()).into()),
    }
}
