//! Messages of WeChat: stored once, answered, and then done by a job.
//!
//! **How to add an event:** its typed form in `wechat::push`; its name in `is_ours`; an arm in `carry_out`, which works
//! in the session that also ends the job.

pub use crate::wechat::push::{PushQuery, PushRefusal};
use crate::{
    app::App,
    data::{self, Session},
    model::{
        id::{OrderId, PushId},
        job::{Claim, Work},
        push::Push,
        refusal::Refusal,
        shipment::{ConfirmMethod, ShippingReport},
        time::Timestamp,
    },
    service::{
        Error, Fault, Never, attempt,
        job::{self, Next},
        message::{self, Heard},
        shipment, upload,
    },
    wechat::push::{Content, MediaEvent, SubscribeEvent, Trade, TradeEvent},
};

/// Fields that say who a message is from, as WeChat names people. Only what is about consents reads them, and is blanked
/// when it is done; of the others they are not kept.
const SENDERS: &[&str] = &["FromUserName", "openid"];
/// Most characters of a name that are kept.
const NAME_CHARS_MAX: usize = 64;

/// What WeChat is to be told.
#[derive(Debug)]
pub enum PushAnswer {
    /// It is on the disk.
    Stored,
    /// It is not WeChat's, or cannot be read.
    Refused(PushRefusal),
    /// It could not be stored now; WeChat will send it again.
    Fault(Error<Never>),
}

/// Whether somebody who knows the token verifies the address.
pub fn verify(app: &App, appid: &str, query: &PushQuery) -> Result<(), PushRefusal> {
    app.wechat.verify_push_address(appid, query)
}

/// Check a message and store it, once however often it comes. The body is the raw bytes as they came.
pub async fn receive(app: &App, appid: &str, query: &PushQuery, body: &[u8]) -> PushAnswer {
    let message = match app.wechat.open_push(appid, query, body) {
        Ok(message) => message,
        Err(refusal) => return PushAnswer::Refused(refusal),
    };
    let wanted = is_ours(&message.event);
    let row = Push {
        id: app.ids.next(PushId),
        appid: appid.to_owned(),
        dedupe_key: message.dedupe_key,
        event: message.event.chars().take(NAME_CHARS_MAX).collect(),
        // What nobody reads is not kept: it may be what a user wrote.
        content: match wanted {
            true if names_its_user(&message.event) => message.content.json(),
            true => message.content.without(SENDERS).json(),
            false => String::new(),
        },
        outcome: (!wanted).then(|| "ignored".to_owned()),
        received_ms: app.now(),
    };
    match attempt(|| store(app, &row)).await {
        Ok(new) => {
            tracing::info!(event = row.event, appid, new, wanted, "a message of WeChat was stored");
            app.jobs_due.notify_one();
            PushAnswer::Stored
        }
        Err(error) => PushAnswer::Fault(error),
    }
}

fn names_its_user(event: &str) -> bool {
    SubscribeEvent::NAMES.contains(&event)
}

/// Whether something is done about such a message.
fn is_ours(event: &str) -> bool {
    TradeEvent::NAMES.contains(&event) || SubscribeEvent::NAMES.contains(&event) || event == MediaEvent::NAME
}

/// `false` when it came before.
async fn store(app: &App, row: &Push) -> Result<bool, Error<Never>> {
    let mut session = app.database.write().await?;
    let new = data::push::insert(&mut session, row).await?;
    if !new && data::push::find_by_key(&mut session, &row.dedupe_key).await?.is_none() {
        // Not the key but the id is taken: a message must not be dropped for that.
        return Err(Fault::contended("the id of a message is taken").into());
    }
    if new && row.outcome.is_none() {
        job::enqueue(app, &mut session, &Work::HandlePush { push: row.id }, app.now()).await?;
    }
    // Also for one that came before: it may belong to a group that is not on the disk yet.
    session.commit().await?;
    Ok(new)
}

/// Do what a message asks for, in the transaction that ends its job.
pub async fn handle(app: &App, claim: &Claim, id: PushId) -> Result<(), Error<Never>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        let push = data::push::find(&mut session, id).await?.filter(|push| push.outcome.is_none());
        let mut next = Next::Done;
        if let Some(push) = push {
            match carry_out(app, &mut session, &push).await? {
                Carried::Out(outcome) => {
                    data::push::handle(&mut session, id, outcome, names_its_user(&push.event)).await?;
                }
                Carried::Later(at) => next = Next::Again(Work::HandlePush { push: id }, at),
            }
        }
        job::end(&mut session, claim, &next, app.now()).await?;
        session.commit().await?;
        Ok(())
    })
    .await
}

/// What became of a message.
enum Carried {
    /// The word for what came of it.
    Out(&'static str),
    /// It came before what it is about.
    Later(Timestamp),
}

async fn carry_out(app: &App, session: &mut Session, push: &Push) -> Result<Carried, Error<Never>> {
    let content = Content::read(push.content.as_bytes());
    if push.event == MediaEvent::NAME
        && let Some(event) = content.as_ref().and_then(MediaEvent::read)
    {
        let learned = upload::learn(app, session, &push.appid, &event).await?;
        return Ok(match (learned, upload::later(push.received_ms, app.now())) {
            (Some(outcome), _) => Carried::Out(outcome),
            (None, Some(at)) => Carried::Later(at),
            (None, None) => Carried::Out("foreign"),
        });
    }
    if let Some(content) = &content
        && let Some(event) = SubscribeEvent::read(&push.event, content)
    {
        return Ok(match message::hear(app, session, push, content, &event).await? {
            Heard::Done(outcome) => Carried::Out(outcome),
            Heard::Early(at) => Carried::Later(at),
        });
    }
    let Some(event) = content.and_then(|content| TradeEvent::read(&push.event, &content)) else {
        tracing::warn!(push.id = %push.id, event = push.event, "a message of WeChat lacks what it is about");
        return Ok(Carried::Out("unreadable"));
    };
    trade(app, session, push, event).await.map(Carried::Out)
}

async fn trade(app: &App, session: &mut Session, push: &Push, event: TradeEvent) -> Result<&'static str, Error<Never>> {
    match event {
        TradeEvent::RemindAccess { message } => {
            tracing::warn!(appid = push.appid, message, "WeChat wants this mini-program to upload what it sends");
            Ok("noted")
        }
        TradeEvent::RemindShipping { trade } => {
            let Some(order) = order_of(app, session, push, &trade).await? else { return Ok("foreign") };
            tracing::error!(order.id = %order, "WeChat says that an order waits for more than 48 hours: send it");
            let report = ShippingReport { reminded_ms: Some(push.received_ms), ..ShippingReport::default() };
            data::shipment::add_report(session, order, &report).await?;
            Ok("noted")
        }
        TradeEvent::Settlement { trade, shipped, estimated_settlement, confirm_method, confirmed, settled } => {
            let Some(order) = order_of(app, session, push, &trade).await? else { return Ok("foreign") };
            let report = ShippingReport {
                reminded_ms: None,
                shipped_ms: shipped,
                estimated_settlement_ms: estimated_settlement,
                confirm_method: confirm_method.and_then(method),
                confirmed_ms: confirmed,
                settled_ms: settled,
            };
            data::shipment::add_report(session, order, &report).await?;
            // Money is settled only after the receipt, whether its time is named or not.
            let received = confirmed.is_some() || settled.is_some();
            let moved = received && shipment::receive_by_wechat(app, session, order).await?;
            Ok(if moved { "received" } else { "noted" })
        }
    }
}

const fn method(number: i64) -> Option<ConfirmMethod> {
    match number {
        1 => Some(ConfirmMethod::Auto),
        2 => Some(ConfirmMethod::Manual),
        _ => None,
    }
}

/// The order that a message is about, if every number in it is that order's.
async fn order_of<R: Refusal>(
    app: &App,
    session: &mut Session,
    push: &Push,
    trade: &Trade,
) -> Result<Option<OrderId>, Error<R>> {
    let payment = data::payment::find(session, &trade.transaction_id).await?.filter(|payment| payment.accepted);
    let mut found = None;
    if let Some(payment) = payment {
        let order = data::order::find(session, payment.order_id).await?;
        let same = |given: &Option<String>, own: &str| given.as_deref().is_none_or(|given| given == own);
        let fits = same(&trade.mchid, &app.config.pay.mchid)
            && same(&trade.out_trade_no, &payment.out_trade_no)
            && order.as_ref().is_some_and(|order| order.appid == push.appid);
        found = fits.then_some(payment.order_id);
    }
    if found.is_none() {
        tracing::warn!(push.id = %push.id, transaction_id = trade.transaction_id, "a message is about no order of ours");
    }
    Ok(found)
}
