//! Another price for an order that waits for its money (改价).

use crate::{
    app::App,
    data,
    model::{
        id::OrderId,
        money::Fen,
        order::{OrderRefusal, OrderState},
    },
    service::{
        Error, Fault, attempt, audit,
        order::{self, Detail, ROUNDS_MAX},
        staff::Clerk,
    },
};

/// Staff set what an order is to cost. A buyer who pays meanwhile wins: what could be paid at the old price is closed at
/// WeChat first, so that the next attempt has a number and an amount of its own.
///
/// `version` is what staff saw; the order must not have moved since.
pub async fn change(
    app: &App,
    clerk: &Clerk,
    id: OrderId,
    version: i64,
    total: Fen,
    reason: &str,
) -> Result<Detail, Error<OrderRefusal>> {
    if !(1..=Fen::ORDER_MAX.0).contains(&total.0) {
        return Err(OrderRefusal::TotalTooLarge.into());
    }
    // Nothing is closed for a change that is refused anyhow.
    check(&data::order::find(&mut app.database.read().await?, id).await?.ok_or(OrderRefusal::NotFound)?, app, version)?;
    for _ in 0..ROUNDS_MAX {
        order::end_attempts(app, id).await?;
        if attempt(|| change_once(app, clerk, id, version, total, reason)).await? {
            return order::inspect(app, id).await;
        }
    }
    Err(Fault::contended("the buyer keeps on beginning to pay").into())
}

fn check(order: &crate::model::order::Order, app: &App, version: i64) -> Result<(), OrderRefusal> {
    if order.state != OrderState::Pending {
        return Err(OrderRefusal::StateForbids { state: order.state });
    }
    if app.now() >= order.expires_ms {
        return Err(OrderRefusal::Expired);
    }
    if order.version == version { Ok(()) } else { Err(OrderRefusal::Changed) }
}

/// `false` when there is an attempt that can be paid.
async fn change_once(
    app: &App,
    clerk: &Clerk,
    id: OrderId,
    version: i64,
    total: Fen,
    reason: &str,
) -> Result<bool, Error<OrderRefusal>> {
    let mut act = audit::begin(app).await?;
    // The lock comes before the look: a payment that begins meanwhile waits, or has left its attempt to be seen.
    data::order::hold(&mut act, id, OrderState::Pending).await?;
    let order = data::order::find(&mut act, id).await?.ok_or(OrderRefusal::NotFound)?;
    check(&order, app, version)?;
    if data::payment::find_open_prepay(&mut act, id).await?.is_some() {
        return Ok(false);
    }
    let listed = order.goods_fen.plus(order.freight_fen);
    let adjustment = listed.and_then(|listed| total.minus(listed)).ok_or(OrderRefusal::TotalTooLarge)?;
    if !data::order::reprice(&mut act, &order, adjustment, total, &clerk.actor(), app.now()).await? {
        return Err(Fault::contended("the order moved").into());
    }
    let detail = (order.total_fen, total, reason);
    act.commit::<OrderRefusal>(app, clerk, "order.reprice", &format!("order:{id}"), &detail).await?;
    Ok(true)
}
