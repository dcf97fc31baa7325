//! Rows of `orders`, `order_lines` and `order_transitions`.

use super::{Each, Error, Session};
use crate::model::{
    id::{OrderId, UserId},
    money::Fen,
    order::{Order, OrderLine, OrderMove, OrderState, OrderTransition},
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        (concat!(
            "SELECT id, number, user_id, appid, openid, state, version, goods_fen, freight_fen, adjustment_fen, total_fen, refund_held_fen, ",
            "refunded_fen, address_sealed, remark, expires_ms, created_ms, paid_ms FROM orders WHERE ",
            $rest
        ))
    };
}

statements! {
    FIND = (select!("id = ?"));
    FIND_OF = (select!("user_id = ? AND id = ?"));
    LIST_OF = (select!("user_id = ? AND id < ? ORDER BY id DESC LIMIT ?"));
    LIST_OF_IN = (select!("user_id = ? AND state = ? AND id < ? ORDER BY id DESC LIMIT ?"));
    LIST = (select!("id < ? ORDER BY id DESC LIMIT ?"));
    LIST_IN = (select!("state = ? AND id < ? ORDER BY id DESC LIMIT ?"));
    INSERT = "INSERT INTO orders (id, number, user_id, appid, openid, state, version, goods_fen, freight_fen,
              adjustment_fen, total_fen, refund_held_fen, refunded_fen, address_sealed, remark, expires_ms, created_ms)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?)";
    /// Only an order that stands where it was seen is moved.
    ADVANCE = "UPDATE orders SET state = ?, version = version + 1, paid_ms = COALESCE(?, paid_ms)
               WHERE id = ? AND state = ? AND version = ?";
    /// Only a price that was seen, of an order that waits for its money.
    REPRICE = "UPDATE orders SET adjustment_fen = ?, total_fen = ?, version = version + 1
               WHERE id = ? AND state = 'pending' AND version = ?";
    /// Takes the row's lock and changes nothing: whoever closes the order meanwhile waits, or was first.
    HOLD = "UPDATE orders SET state = ? WHERE id = ? AND state = ?";
    /// Never more than was paid: the one place that stops refunds above it.
    HOLD_REFUND = "UPDATE orders SET refund_held_fen = refund_held_fen + ?
                   WHERE id = ? AND refund_held_fen <= total_fen - ? AND state IN ('paid', 'shipped', 'received')";
    FREE_REFUND = "UPDATE orders SET refund_held_fen = refund_held_fen - ? WHERE id = ?";
    ADD_REFUNDED = "UPDATE orders SET refunded_fen = refunded_fen + ? WHERE id = ?";
    LINES = "SELECT sku_id, product_id, title, sku_name, cover_url, price_fen, qty
             FROM order_lines WHERE order_id = ? ORDER BY sku_id";
    LINES_OF = "SELECT order_id, sku_id, product_id, title, sku_name, cover_url, price_fen, qty
                FROM order_lines WHERE order_id IN ({?}) ORDER BY order_id, sku_id";
    INSERT_LINES = "INSERT INTO order_lines (order_id, sku_id, product_id, title, sku_name, cover_url, price_fen, qty)
                    VALUES {(?, ?, ?, ?, ?, ?, ?, ?)}";
    TRANSITIONS = "SELECT version, step, from_state, to_state, actor, created_ms
                   FROM order_transitions WHERE order_id = ? ORDER BY version";
    INSERT_TRANSITION = "INSERT INTO order_transitions (order_id, version, step, from_state, to_state, actor, created_ms)
                         VALUES (?, ?, ?, ?, ?, ?, ?)";
}

/// One order, whoever's it is.
pub async fn find(session: &mut Session, id: OrderId) -> Result<Option<Order>, Error> {
    session.optional(FIND, (id,)).await
}
/// One order of a buyer.
pub async fn find_of(session: &mut Session, user: UserId, id: OrderId) -> Result<Option<Order>, Error> {
    session.optional(FIND_OF, (user, id)).await
}
/// A buyer's orders, latest first.
pub async fn list_of(
    session: &mut Session,
    user: UserId,
    state: Option<OrderState>,
    before: i64,
    limit: i64,
) -> Result<Vec<Order>, Error> {
    match state {
        None => session.all(LIST_OF, (user, before, limit)).await,
        Some(state) => session.all(LIST_OF_IN, (user, state, before, limit)).await,
    }
}
/// All orders, latest first.
pub async fn list(
    session: &mut Session,
    state: Option<OrderState>,
    before: i64,
    limit: i64,
) -> Result<Vec<Order>, Error> {
    match state {
        None => session.all(LIST, (before, limit)).await,
        Some(state) => session.all(LIST_IN, (state, before, limit)).await,
    }
}
/// A new order with its lines and its first transition.
pub async fn insert(session: &mut Session, order: &Order, lines: &[OrderLine], actor: &str) -> Result<(), Error> {
    let values = (
        order.id,
        order.number.as_str(),
        order.user_id,
        order.appid.as_str(),
        order.openid.as_str(),
        order.state,
        order.version,
        order.goods_fen,
        order.freight_fen,
        order.adjustment_fen,
        order.total_fen,
        order.address_sealed.as_slice(),
        order.remark.as_str(),
        order.expires_ms,
        order.created_ms,
    );
    session.execute_later(INSERT, values).await?;
    let row = |line: &OrderLine| {
        let OrderLine { sku_id, product_id, title, sku_name, cover_url, price_fen, qty } = line.clone();
        (order.id, sku_id, product_id, title, sku_name, cover_url, price_fen, qty)
    };
    session.execute_later(INSERT_LINES, Each(lines.iter().map(row).collect())).await?;
    let first = (order.id, order.version, OrderMove::Place, None::<OrderState>, order.state, actor, order.created_ms);
    session.execute_later(INSERT_TRANSITION, first).await
}
/// Move an order as it was seen, and write the transition; `false` when it stands elsewhere by now.
///
/// `to` is where [`OrderState::after`] leads: the caller has asked it.
pub async fn advance(
    session: &mut Session,
    seen: &Order,
    step: OrderMove,
    to: OrderState,
    actor: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let paid = step.pays().then_some(now);
    if session.execute(ADVANCE, (to, paid, seen.id, seen.state, seen.version)).await? != 1 {
        return Ok(false);
    }
    let row = (seen.id, seen.version + 1, step, Some(seen.state), to, actor, now);
    session.execute_later(INSERT_TRANSITION, row).await?;
    Ok(true)
}
/// Set another price of an order as it was seen, and write the transition; `false` when it stands elsewhere by now.
pub async fn reprice(
    session: &mut Session,
    seen: &Order,
    adjustment: Fen,
    total: Fen,
    actor: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    if session.execute(REPRICE, (adjustment, total, seen.id, seen.version)).await? != 1 {
        return Ok(false);
    }
    let row = (seen.id, seen.version + 1, OrderMove::Reprice, Some(seen.state), seen.state, actor, now);
    session.execute_later(INSERT_TRANSITION, row).await?;
    Ok(true)
}
/// Hold the order in `state` until the session ends; `false` when it stands elsewhere.
pub async fn hold(session: &mut Session, id: OrderId, state: OrderState) -> Result<bool, Error> {
    Ok(session.execute(HOLD, (state, id, state)).await? == 1)
}
/// Set an amount aside for a refund; `false` when less is left or the order's state forbids it.
pub async fn hold_refund(session: &mut Session, id: OrderId, amount: Fen) -> Result<bool, Error> {
    Ok(session.execute(HOLD_REFUND, (amount, id, amount)).await? == 1)
}
/// Free what was set aside for a refund that does not happen.
pub async fn free_refund(session: &mut Session, id: OrderId, amount: Fen) -> Result<bool, Error> {
    Ok(session.execute(FREE_REFUND, (amount, id)).await? == 1)
}
/// Count an amount as given back.
pub async fn add_refunded(session: &mut Session, id: OrderId, amount: Fen) -> Result<bool, Error> {
    Ok(session.execute(ADD_REFUNDED, (amount, id)).await? == 1)
}
/// The lines of an order.
pub async fn lines(session: &mut Session, id: OrderId) -> Result<Vec<OrderLine>, Error> {
    session.all(LINES, (id,)).await
}
/// A line with the order it belongs to.
#[derive(Debug, sqlx::FromRow)]
pub struct LineOf {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    #[sqlx(flatten)]
    pub line: OrderLine,
}
/// The lines of several orders.
pub async fn lines_of(session: &mut Session, ids: &[OrderId]) -> Result<Vec<LineOf>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    session.all(LINES_OF, Each(ids.iter().map(|id| (*id,)).collect())).await
}
/// Every move of an order.
pub async fn transitions(session: &mut Session, id: OrderId) -> Result<Vec<OrderTransition>, Error> {
    session.all(TRANSITIONS, (id,)).await
}
