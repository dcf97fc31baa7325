//! Orders: placed, seen, given up, received.

use crate::{
    app::{App, Live, random_number},
    data::{self, Session, stock::StockMove},
    model::{
        address::Address,
        event::{Event, EventKind},
        id::{AddressId, OrderId},
        idempotency::IdempotencyKey,
        job::{Claim, Work},
        money::Fen,
        order::{
            Order, OrderLine, OrderMove, OrderRefusal, OrderRules, OrderState, OrderTransition, Quote, Wanted, gather,
            quote,
        },
        page::{Page, Place},
        payment::{Payment, PrepayState},
        refund::Refund,
        shipment::Shipment,
        stock::MoveKind,
        time::minutes,
    },
    service::{
        Error, Fault, address, attempt,
        idempotency::Intent,
        job::{self, Next},
        payment::{self, Ended},
        token::Buyer,
    },
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a buyer asks for.
#[derive(Debug, Clone, Serialize)]
pub struct Ask {
    /// Pieces of SKUs.
    pub lines: Vec<Wanted>,
    /// Where to.
    pub address_id: AddressId,
    /// In words.
    pub remark: String,
    /// The total the buyer saw; another one refuses the order.
    pub expected_total: Option<Fen>,
}

/// An order with what was bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bought {
    /// The order.
    pub order: Order,
    /// Its lines.
    pub lines: Vec<OrderLine>,
}

/// Everything about an order.
#[derive(Debug, Clone)]
pub struct Detail {
    /// The order with its lines.
    pub bought: Bought,
    /// Where to.
    pub address: Address,
    /// Every move.
    pub transitions: Vec<OrderTransition>,
    /// Money that arrived.
    pub payments: Vec<Payment>,
    /// Money that goes back.
    pub refunds: Vec<Refund>,
    /// Parcels.
    pub shipments: Vec<Shipment>,
}

fn rules(live: &Live) -> OrderRules {
    let settings = &live.order;
    OrderRules {
        lines_max: settings.lines_max,
        quantity_max: settings.quantity_max,
        freight: Fen(settings.freight_fen),
        free_freight_from: Fen(settings.free_freight_from_fen),
    }
}

fn address_place(id: OrderId) -> String {
    format!("orders.address:{id}")
}

/// Where an order goes; nowhere when its buyer is gone.
pub(super) fn destination(app: &App, order: &Order) -> Result<Address, Fault> {
    if order.address_sealed.is_empty() {
        return Ok(Address::default());
    }
    address::unseal(app, &address_place(order.id), &order.address_sealed)
}

/// Place an order: price it, set its stock aside, and see to it that it closes if nobody pays.
pub async fn place(app: &App, buyer: &Buyer, key: &IdempotencyKey, ask: &Ask) -> Result<Bought, Error<OrderRefusal>> {
    let intent = Intent::new(&format!("buyer:{}", buyer.id), "order.place", key, ask);
    attempt(|| place_once(app, buyer, &intent, ask)).await
}

async fn place_once(app: &App, buyer: &Buyer, intent: &Intent, ask: &Ask) -> Result<Bought, Error<OrderRefusal>> {
    let mut session = app.database.write().await?;
    let composed = compose(app, &mut session, buyer, ask).await;
    // What was answered before counts, whatever has become of the goods and the address since.
    let answered = match &composed {
        Ok(bought) => intent.replay_or_keep::<_, OrderRefusal>(&mut session, bought, app.now()).await?,
        // What comes after a lost race would last without the rest: the transaction is over.
        Err(Error::Fault(_)) => None,
        Err(Error::Refused(_)) => intent.replay(&mut session, app.now()).await?,
    };
    if let Some(bought) = answered {
        session.commit().await?;
        return Ok(bought);
    }
    let bought = composed?;
    let Bought { order, lines } = &bought;
    for line in lines {
        if !data::stock::take(&mut session, line.sku_id, line.qty).await? {
            let left = data::stock::left(&mut session, line.sku_id).await?.unwrap_or(0);
            return Err(OrderRefusal::OutOfStock { sku: line.sku_id, left }.into());
        }
    }
    job::enqueue(app, &mut session, &Work::CloseUnpaidOrder { order: order.id }, order.expires_ms).await?;
    data::stock::insert_moves(&mut session, &stock_moves(app, order, lines, MoveKind::Hold, "buyer")).await?;
    data::order::insert(&mut session, order, lines, "buyer").await?;
    let skus: Vec<_> = lines.iter().map(|line| line.sku_id).collect();
    data::cart::remove(&mut session, buyer.id, &skus).await?;
    let Order { id, user_id, total_fen, created_ms, .. } = *order;
    data::event::note(&mut session, &[Event::fact(EventKind::OrderPlaced, id, user_id, total_fen, created_ms)]).await?;
    session.commit().await?;
    app.ingest.facts.notify_one();
    Ok(bought)
}

/// The order as it is placed if there is enough of everything: what is asked for, at its price of this moment.
async fn compose(app: &App, session: &mut Session, buyer: &Buyer, ask: &Ask) -> Result<Bought, Error<OrderRefusal>> {
    let snapshot = app.settings.now();
    let rules = rules(&snapshot.live);
    let wanted = gather(&ask.lines, &rules)?;
    let ids: Vec<_> = wanted.iter().map(|want| want.sku_id).collect();
    let quoted = quote(&wanted, &data::product::priced(session, &ids).await?, &rules)?;
    if ask.expected_total.is_some_and(|seen| seen != quoted.total) {
        return Err(OrderRefusal::PriceChanged { total: quoted.total }.into());
    }
    let stored = data::address::find_held(session, buyer.id, ask.address_id).await?;
    let address = address::open(app, &stored.ok_or(OrderRefusal::AddressMissing)?)?.address;
    let order = draft(app, buyer, ask, &quoted, &address, minutes(snapshot.live.order.unpaid_minutes));
    Ok(Bought { order, lines: quoted.lines })
}

fn draft(app: &App, buyer: &Buyer, ask: &Ask, quoted: &Quote, to: &Address, unpaid: Duration) -> Order {
    let (now, id) = (app.now(), app.ids.next(OrderId));
    Order {
        id,
        number: format!("{id}{:04}", random_number(10_000)),
        user_id: buyer.id,
        appid: buyer.appid.clone(),
        openid: buyer.openid.clone(),
        state: OrderState::Pending,
        version: 1,
        goods_fen: quoted.goods,
        freight_fen: quoted.freight,
        adjustment_fen: Fen::ZERO,
        total_fen: quoted.total,
        refund_held_fen: Fen::ZERO,
        refunded_fen: Fen::ZERO,
        address_sealed: address::seal(app, &address_place(id), to),
        remark: ask.remark.clone(),
        expires_ms: now.plus(unpaid),
        created_ms: now,
        paid_ms: None,
    }
}

/// The moves of the ledger for all lines of an order.
pub(super) fn stock_moves(
    app: &App,
    order: &Order,
    lines: &[OrderLine],
    kind: MoveKind,
    actor: &str,
) -> Vec<StockMove> {
    let sign = if kind == MoveKind::Release { 1 } else { -1 };
    let one = |line: &OrderLine| StockMove {
        id: app.ids.next(|id| id),
        sku_id: line.sku_id,
        order_id: Some(order.id),
        kind,
        delta: sign * line.qty,
        actor: actor.to_owned(),
        created_ms: app.now(),
    };
    lines.iter().map(one).collect()
}

/// A page of a buyer's orders, latest first.
pub async fn list(
    app: &App,
    buyer: &Buyer,
    state: Option<OrderState>,
    before: Option<i64>,
    limit: i64,
) -> Result<Page<Bought>, Error<OrderRefusal>> {
    let mut session = app.database.read().await?;
    let before = before.unwrap_or(i64::MAX);
    let orders = data::order::list_of(&mut session, buyer.id, state, before, limit + 1).await?;
    with_lines(&mut session, Page::cut(orders, limit, |order| Place { value: 0, id: order.id.0 })).await
}

/// A page of all orders, latest first, for staff.
pub async fn list_all(
    app: &App,
    state: Option<OrderState>,
    before: Option<i64>,
    limit: i64,
) -> Result<Page<Bought>, Error<OrderRefusal>> {
    let mut session = app.database.read().await?;
    let orders = data::order::list(&mut session, state, before.unwrap_or(i64::MAX), limit + 1).await?;
    with_lines(&mut session, Page::cut(orders, limit, |order| Place { value: 0, id: order.id.0 })).await
}

async fn with_lines(session: &mut Session, page: Page<Order>) -> Result<Page<Bought>, Error<OrderRefusal>> {
    let ids: Vec<_> = page.items.iter().map(|order| order.id).collect();
    let all = data::order::lines_of(session, &ids).await?;
    Ok(page.map(|order| {
        let own = all.iter().filter(|one| one.order_id == order.id);
        Bought { lines: own.map(|one| one.line.clone()).collect(), order }
    }))
}

/// Everything about one of a buyer's orders.
pub async fn view(app: &App, buyer: &Buyer, id: OrderId) -> Result<Detail, Error<OrderRefusal>> {
    let mut session = app.database.read().await?;
    let order = data::order::find_of(&mut session, buyer.id, id).await?.ok_or(OrderRefusal::NotFound)?;
    detail(app, &mut session, order).await
}

/// Everything about any order, for staff.
pub async fn inspect(app: &App, id: OrderId) -> Result<Detail, Error<OrderRefusal>> {
    let mut session = app.database.read().await?;
    let order = data::order::find(&mut session, id).await?.ok_or(OrderRefusal::NotFound)?;
    detail(app, &mut session, order).await
}

/// How often the parts of an order are read again because it moved meanwhile.
const LOOKS_MAX: usize = 3;

/// The order with its parts as they were at one moment. Each statement sees what is committed when it runs, so a move
/// in between would show a refund as paid out and its sum as not: the order itself is looked at before and after.
async fn detail(app: &App, session: &mut Session, mut order: Order) -> Result<Detail, Error<OrderRefusal>> {
    let id = order.id;
    let mut looks = 0;
    loop {
        looks += 1;
        let transitions = data::order::transitions(session, id).await?;
        let payments = data::payment::list(session, id).await?;
        let refunds = data::refund::list(session, id).await?;
        let shipments = data::shipment::list(session, id).await?;
        let lines = data::order::lines(session, id).await?;
        let after = data::order::find(session, id).await?.ok_or(OrderRefusal::NotFound)?;
        if after != order && looks < LOOKS_MAX {
            order = after;
            continue;
        }
        let address = destination(app, &order)?;
        return Ok(Detail { bought: Bought { order, lines }, address, transitions, payments, refunds, shipments });
    }
}

/// The buyer gives up an order that is not paid. Nothing is released before WeChat has closed what could be paid.
pub async fn cancel(app: &App, buyer: &Buyer, id: OrderId) -> Result<Detail, Error<OrderRefusal>> {
    let mut session = app.database.read().await?;
    data::order::find_of(&mut session, buyer.id, id).await?.ok_or(OrderRefusal::NotFound)?;
    drop(session);
    match close(app, id, "buyer", None).await {
        // It was closed before, or by somebody else at the same moment: what was wanted is so.
        Err(Error::Refused(OrderRefusal::StateForbids { state: OrderState::Closed })) => {}
        outcome => outcome?,
    }
    view(app, buyer, id).await
}

/// WeChat wants an order to be this old before it is closed.
const CLOSABLE_AFTER_MINUTES: u64 = 5;

/// How long an order waits for staff before it is looked at again, when its money is in suspense.
const SUSPENDED_MINUTES: u64 = 60;

/// The time to pay is over: close the order unless WeChat says that it was paid.
pub async fn expire(app: &App, claim: &Claim, id: OrderId) -> Result<(), Error<OrderRefusal>> {
    let mut session = app.database.read().await?;
    let order = data::order::find(&mut session, id).await?;
    let prepays = data::payment::list_prepays(&mut session, id).await?;
    drop(session);
    let Some(order) = order.filter(|order| order.state == OrderState::Pending) else {
        return job::end_alone(app, claim, &Next::Done).await;
    };
    let youngest =
        prepays.iter().filter(|prepay| prepay.state == PrepayState::Open).map(|prepay| prepay.created_ms).max();
    let due = youngest.map_or(order.expires_ms, |at| at.plus(minutes(CLOSABLE_AFTER_MINUTES)).max(order.expires_ms));
    if app.now() < due {
        let next = Next::Again(Work::CloseUnpaidOrder { order: id }, due);
        return job::end_alone(app, claim, &next).await;
    }
    match close(app, id, "timer", Some(claim)).await {
        // Money came that waits in suspense: nothing may be released, and the order must not be forgotten.
        Err(Error::Refused(OrderRefusal::StateForbids { state: OrderState::Pending })) => {
            let next = Next::Again(Work::CloseUnpaidOrder { order: id }, app.now().plus(minutes(SUSPENDED_MINUTES)));
            job::end_alone(app, claim, &next).await
        }
        // It was paid after all, or somebody else closed it: nothing is left to do.
        Err(Error::Refused(OrderRefusal::StateForbids { .. })) => job::end_alone(app, claim, &Next::Done).await,
        outcome => outcome,
    }
}

/// How often a new attempt to pay may slip in between closing at WeChat and closing here.
pub(super) const ROUNDS_MAX: usize = 3;

/// Close at WeChat first, then here. While an attempt can be paid, the stock stays aside.
async fn close(app: &App, id: OrderId, actor: &str, claim: Option<&Claim>) -> Result<(), Error<OrderRefusal>> {
    for _ in 0..ROUNDS_MAX {
        end_attempts(app, id).await?;
        if attempt(|| close_once(app, id, actor, claim)).await? {
            return Ok(());
        }
    }
    Err(Fault::contended("the buyer keeps on beginning to pay").into())
}

/// Make every open attempt of an order impossible to pay; refused when one of them was paid.
pub(super) async fn end_attempts(app: &App, id: OrderId) -> Result<(), Error<OrderRefusal>> {
    let prepays = data::payment::list_prepays(&mut app.database.read().await?, id).await?;
    for prepay in prepays.iter().filter(|prepay| prepay.state == PrepayState::Open) {
        if payment::end_attempt(app, prepay).await? == Ended::Paid {
            // Paid it is, but not always the order: money that does not fit waits in suspense.
            let order = data::order::find(&mut app.database.read().await?, id).await?;
            return Err(OrderRefusal::StateForbids { state: order.ok_or(OrderRefusal::NotFound)?.state }.into());
        }
    }
    Ok(())
}

/// `false` when there is an attempt that can be paid.
async fn close_once(app: &App, id: OrderId, actor: &str, claim: Option<&Claim>) -> Result<bool, Error<OrderRefusal>> {
    let mut session = app.database.write().await?;
    // The lock comes before the look: a payment that begins meanwhile waits, or has left its attempt to be seen.
    let pending = data::order::hold(&mut session, id, OrderState::Pending).await?;
    let order = data::order::find(&mut session, id).await?.ok_or(OrderRefusal::NotFound)?;
    if !pending {
        return Err(OrderRefusal::StateForbids { state: order.state }.into());
    }
    if data::payment::find_open_prepay(&mut session, id).await?.is_some() {
        return Ok(false);
    }
    if !advance(app, &mut session, &order, OrderMove::Close, actor).await? {
        return Err(Fault::contended("the order moved").into());
    }
    let lines = data::order::lines(&mut session, id).await?;
    for line in &lines {
        data::stock::give(&mut session, line.sku_id, line.qty).await?;
    }
    let moves = stock_moves(app, &order, &lines, MoveKind::Release, actor);
    data::stock::insert_moves(&mut session, &moves).await?;
    if let Some(claim) = claim {
        job::end(&mut session, claim, &Next::Done, app.now()).await?;
    }
    session.commit().await?;
    Ok(true)
}

/// Make an allowed move of an order as it was seen; `false` when it stands elsewhere by now.
pub(super) async fn advance(
    app: &App,
    session: &mut Session,
    seen: &Order,
    step: OrderMove,
    actor: &str,
) -> Result<bool, Error<OrderRefusal>> {
    let to = seen.state.after(step).ok_or(OrderRefusal::StateForbids { state: seen.state })?;
    Ok(data::order::advance(session, seen, step, to, actor, app.now()).await?)
}

/// The buyer has the goods. Saying so twice does no harm.
pub async fn receive(app: &App, buyer: &Buyer, id: OrderId) -> Result<Detail, Error<OrderRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        let order = data::order::find_of(&mut session, buyer.id, id).await?.ok_or(OrderRefusal::NotFound)?;
        if order.state != OrderState::Received
            && !advance(app, &mut session, &order, OrderMove::Receive, "buyer").await?
        {
            return Err(Fault::contended("the order moved").into());
        }
        session.commit().await?;
        Ok(())
    })
    .await?;
    view(app, buyer, id).await
}
