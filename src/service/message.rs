//! Subscribe messages: what happened is written down with its change, and told once, if the user agreed.
//!
//! A message waits until its job runs. The job uses up one consent and takes the turn to send to that person, asks WeChat
//! outside of any transaction, and writes down what came of it. WeChat takes no key that would make a second try
//! harmless: a message whose answer was lost is left as unknown and is not sent again.

use crate::{
    app::App,
    data::{
        self, Session,
        message::{Consent, Ending},
    },
    model::{
        id::{MessageId, RefundId},
        job::{Claim, Work},
        message::{Message, MessageState, Occasion, compose, fill},
        order::Order,
        page::{Page, Place},
        push::Push,
        time::{Timestamp, minutes},
    },
    service::{
        Error, Fault, Never, attempt,
        job::{self, Next},
        token::Buyer,
    },
    wechat::{
        self, MessageVerdict, SubscribeMessage,
        push::{Answer, Content, SubscribeEvent},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How long a message waits for a consent: the mini-program asks for it when the payment is done, and so just after it.
const PATIENCE: Duration = minutes(10);
/// How long until the turn of somebody else is looked at again.
const TURN_POLL: Duration = Duration::from_secs(1);
/// How long an event about a message waits until its answer has been written down.
const ECHO_PATIENCE: Duration = minutes(1);
/// Most characters of what WeChat said that are kept.
const CAUSE_CHARS_MAX: usize = 250;

/// Write down, in the transaction of the change, that a user is to be told of it; nothing where the mini-program has no
/// template for it.
pub(super) async fn announce(
    app: &App,
    session: &mut Session,
    order: &Order,
    occasion: Occasion,
    subject: i64,
) -> Result<(), Fault> {
    // Whoever has gone has no name any more.
    if order.openid.is_empty() || app.config.messages.template(&order.appid, occasion).is_none() {
        return Ok(());
    }
    let row = Message {
        id: app.ids.next(MessageId),
        occasion,
        subject_id: subject,
        order_id: order.id,
        user_id: order.user_id,
        appid: order.appid.clone(),
        template_id: String::new(),
        state: MessageState::Waiting,
        content: String::new(),
        code: None,
        cause: None,
        msgid: None,
        created_ms: app.now(),
        ended_ms: None,
    };
    if data::message::insert(session, &row).await? {
        job::enqueue(app, session, &Work::SendMessage { message: row.id }, app.now()).await?;
    }
    Ok(())
}

/// A message that is about to be sent: its consent is used, the turn is taken.
struct Prepared {
    message: Message,
    openid: String,
    template_id: String,
    page: String,
    texts: BTreeMap<String, String>,
    /// Until when the turn is taken.
    turn: Timestamp,
}

impl Prepared {
    fn consent(&self) -> Consent<'_> {
        Consent { appid: &self.message.appid, openid: &self.openid, template_id: &self.template_id }
    }
}

/// Send a message, once, however often the job runs.
pub async fn send(app: &App, claim: &Claim, id: MessageId) -> Result<(), Error<Never>> {
    let Some(prepared) = attempt(|| prepare(app, claim, id)).await? else { return Ok(()) };
    let message = SubscribeMessage {
        openid: &prepared.openid,
        template_id: &prepared.template_id,
        page: &prepared.page,
        version: app.config.messages.version.word(),
        texts: &prepared.texts,
    };
    let verdict = app.wechat.send_message(&prepared.message.appid, message).await;
    attempt(|| conclude(app, claim, &prepared, &verdict)).await?;
    match verdict {
        MessageVerdict::Later(code, cause) => Err(Fault::broken(format!("WeChat, for now: {code} {cause}")).into()),
        _ => Ok(()),
    }
}

/// Everything up to the call; `None` when there is nothing to send, and the job has ended or waits.
async fn prepare(app: &App, claim: &Claim, id: MessageId) -> Result<Option<Prepared>, Error<Never>> {
    let (mut session, now) = (app.database.write().await?, app.now());
    let message = data::message::find(&mut session, id).await?;
    let Some(message) = message.filter(|message| message.ended_ms.is_none()) else {
        return over(session, claim, &Next::Done, now).await;
    };
    if message.state == MessageState::Sending {
        tracing::warn!(message.id = %id, "whether a message was sent is not known: it is not sent again");
        let ending = Ending { state: MessageState::Unknown, code: Some("lost"), cause: None, msgid: None };
        data::message::finish(&mut session, id, message.state, ending, now).await?;
        return over(session, claim, &Next::Done, now).await;
    }
    let again = |at: Timestamp| Next::Again(Work::SendMessage { message: id }, at);
    let order = data::order::find(&mut session, message.order_id).await?;
    let order = order.ok_or_else(|| Fault::broken(format!("message {id} without its order")))?;
    let template = app.config.messages.template(&message.appid, message.occasion);
    let composed = match template {
        Some(template) => {
            let words = words(&mut session, &message, &order).await?;
            written(&words, &template.page, &template.data).map(|texts| (template, texts))
        }
        None => Err("template".to_owned()),
    };
    let (template, (page, texts)) = match composed {
        Ok(composed) => composed,
        Err(place) => {
            tracing::error!(message.id = %id, place, "a text does not fit its place in the template: it was not sent");
            let ending = Ending { state: MessageState::Unfit, code: Some(&place), cause: None, msgid: None };
            data::message::finish(&mut session, id, message.state, ending, now).await?;
            return over(session, claim, &Next::Done, now).await;
        }
    };
    let consent = Consent { appid: &order.appid, openid: &order.openid, template_id: &template.template_id };
    // Longer than a call can take, its token included; a node that dies keeps nobody waiting for longer.
    let turn = now.plus(Duration::from_millis(app.config.wechat.timeout_ms) * 4);
    if !data::message::take_turn(&mut session, consent.appid, consent.openid, turn, now).await? {
        if data::message::hold(&mut session, consent.appid, consent.openid).await? {
            return over(session, claim, &again(now.plus(TURN_POLL)), now).await;
        }
        let ending = Ending { state: MessageState::Unfit, code: Some("user"), cause: None, msgid: None };
        data::message::finish(&mut session, id, message.state, ending, now).await?;
        return over(session, claim, &Next::Done, now).await;
    }
    let until = message.created_ms.plus(PATIENCE);
    if !data::message::use_one(&mut session, consent, now).await? {
        data::message::end_turn(&mut session, consent.appid, consent.openid, turn).await?;
        if now < until {
            return over(session, claim, &again(until), now).await;
        }
        let ending = Ending { state: MessageState::Unsubscribed, code: None, cause: None, msgid: None };
        data::message::finish(&mut session, id, message.state, ending, now).await?;
        return over(session, claim, &Next::Done, now).await;
    }
    let content = serde_json::to_string(&texts).unwrap_or_default();
    if !data::message::start(&mut session, id, &template.template_id, &content).await? {
        return Err(Fault::contended("the message moved").into());
    }
    session.commit().await?;
    let (openid, template_id) = (order.openid, template.template_id.clone());
    Ok(Some(Prepared { message, openid, template_id, page, texts, turn }))
}

async fn over(
    mut session: Session,
    claim: &Claim,
    next: &Next,
    now: Timestamp,
) -> Result<Option<Prepared>, Error<Never>> {
    job::end(&mut session, claim, next, now).await?;
    session.commit().await?;
    Ok(None)
}

/// Page and texts of a message, or the place of the first that cannot be.
fn written(
    words: &BTreeMap<&str, String>,
    page: &str,
    data: &BTreeMap<String, String>,
) -> Result<(String, BTreeMap<String, String>), String> {
    let word = |name: &str| words.get(name).cloned();
    let page = fill(page, word).map_err(|_| "page".to_owned())?;
    Ok((page, compose(data, word)?))
}

/// What the words of an occasion mean here: all of [`Occasion::words`].
async fn words(
    session: &mut Session,
    message: &Message,
    order: &Order,
) -> Result<BTreeMap<&'static str, String>, Fault> {
    let lines = data::order::lines(session, order.id).await?;
    let mut words = BTreeMap::from([
        ("order_id", order.id.to_string()),
        ("order_number", order.number.clone()),
        ("goods", crate::model::shipment::contents(lines.iter().map(|line| (line.title.as_str(), line.qty)))),
        ("total", format!("¥{}", order.total_fen)),
    ]);
    match message.occasion {
        Occasion::OrderPaid => {
            words.insert("paid_time", order.paid_ms.unwrap_or(message.created_ms).chinese());
        }
        Occasion::OrderShipped => {
            let parcels = data::shipment::list(session, order.id).await?;
            let parcel = parcels.into_iter().next();
            let (carrier, number) = parcel.map(|parcel| (parcel.carrier, parcel.tracking_no)).unwrap_or_default();
            words.insert("carrier", carrier);
            words.insert("tracking_no", number);
            words.insert("shipped_time", message.created_ms.chinese());
        }
        Occasion::RefundSucceeded => {
            let refund = data::refund::find(session, RefundId(message.subject_id)).await?;
            let refund = refund.ok_or_else(|| Fault::broken(format!("message {} without its refund", message.id)))?;
            words.insert("refund", format!("¥{}", refund.amount_fen));
            words.insert("reason", refund.reason);
            words.insert("refunded_time", refund.ended_ms.unwrap_or(message.created_ms).chinese());
        }
    }
    Ok(words)
}

/// Write down what came of it. For a later try the job is left to its worker, which knows when.
async fn conclude(app: &App, claim: &Claim, prepared: &Prepared, verdict: &MessageVerdict) -> Result<(), Error<Never>> {
    let (mut session, now) = (app.database.write().await?, app.now());
    let Prepared { message, openid, turn, .. } = prepared;
    let id = message.id;
    // The turn before the consent before the message, as when they were taken.
    data::message::end_turn(&mut session, &message.appid, openid, *turn).await?;
    match verdict {
        MessageVerdict::Unsubscribed(_) => drop(data::message::void(&mut session, prepared.consent(), now).await?),
        MessageVerdict::Later(..) | MessageVerdict::Refused(..) => {
            data::message::give_back(&mut session, prepared.consent(), now).await?;
        }
        MessageVerdict::Sent(_) | MessageVerdict::Unknown(..) => {}
    }
    let last = claim.attempt >= Work::SendMessage { message: id }.attempts_max();
    let (state, code, cause) = match verdict {
        MessageVerdict::Sent(_) => (MessageState::Sent, None, None),
        MessageVerdict::Unsubscribed(code) => (MessageState::Unsubscribed, Some(code), None),
        MessageVerdict::Later(code, cause) if !last => (MessageState::Waiting, Some(code), Some(cause)),
        MessageVerdict::Later(code, cause) | MessageVerdict::Refused(code, cause) => {
            (MessageState::Refused, Some(code), Some(cause))
        }
        MessageVerdict::Unknown(code, cause) => (MessageState::Unknown, Some(code), Some(cause)),
    };
    let cause: Option<String> = cause.map(|cause| cause.chars().take(CAUSE_CHARS_MAX).collect());
    let (code, cause) = (code.map(String::as_str), cause.as_deref());
    if state == MessageState::Waiting {
        data::message::postpone(&mut session, id, code, cause).await?;
    } else {
        let msgid = match verdict {
            MessageVerdict::Sent(msgid) => Some(msgid.as_str()).filter(|msgid| !msgid.is_empty()),
            _ => None,
        };
        let ending = Ending { state, code, cause, msgid };
        data::message::finish(&mut session, id, MessageState::Sending, ending, now).await?;
    }
    if !matches!(verdict, MessageVerdict::Later(..)) {
        job::end(&mut session, claim, &Next::Done, now).await?;
    }
    session.commit().await?;
    if matches!(state, MessageState::Refused | MessageState::Unknown) {
        tracing::error!(message.id = %id, %state, code, "a message was not sent, or nobody knows: look at it");
    }
    Ok(())
}

/// The templates for which the mini-program asks its user's leave, with what they tell of.
pub fn templates(app: &App, appid: &str) -> Vec<(Occasion, String)> {
    let all = app.config.messages.templates.iter().filter(|template| template.appid == appid);
    all.filter_map(|template| Some((template.occasion?, template.template_id.clone()))).collect()
}

/// What `wx.requestSubscribeMessage` gave, by template. Other names in it are passed over, `errMsg` among them.
///
/// A user who tells of more than was agreed to wins nothing: WeChat knows, and says so when a message is sent.
pub async fn consent(app: &App, buyer: &Buyer, answers: &BTreeMap<String, String>) -> Result<(), Error<Never>> {
    let ours: BTreeSet<String> = templates(app, &buyer.appid).into_iter().map(|(_, id)| id).collect();
    let agreed = |answer: &String| Answer::read(answer) == Some(Answer::Accept);
    let agreed: Vec<_> = ours.into_iter().filter(|id| answers.get(id).is_some_and(agreed)).collect();
    if agreed.is_empty() {
        return Ok(());
    }
    attempt(|| async {
        let (mut session, now) = (app.database.write().await?, app.now());
        if !data::message::hold(&mut session, &buyer.appid, &buyer.openid).await? {
            return Ok(());
        }
        for template_id in &agreed {
            let consent = Consent { appid: &buyer.appid, openid: &buyer.openid, template_id };
            if !data::message::tell(&mut session, consent, now).await? {
                return Err(Fault::contended("another first consent").into());
            }
        }
        for message in data::message::list_waiting(&mut session, buyer.id).await? {
            let key = job::subject(&Work::SendMessage { message });
            data::job::hasten(&mut session, &key, now).await?;
        }
        session.commit().await?;
        Ok(())
    })
    .await?;
    app.jobs_due.notify_one();
    Ok(())
}

/// What became of an event about messages.
pub(super) enum Heard {
    /// The word for it.
    Done(&'static str),
    /// It came before our own row said what it is about.
    Early(Timestamp),
}

/// What WeChat tells of consents and of messages, in the session that ends the event's job.
pub(super) async fn hear(
    app: &App,
    session: &mut Session,
    push: &Push,
    content: &Content,
    event: &SubscribeEvent,
) -> Result<Heard, Fault> {
    let (appid, now) = (push.appid.as_str(), app.now());
    let openid = content.text("FromUserName").unwrap_or_default();
    match event {
        SubscribeEvent::Answered(answers) => {
            if !data::message::hold(session, appid, &openid).await? {
                return Ok(Heard::Done("foreign"));
            }
            for (template_id, _) in answers.iter().filter(|(_, answer)| *answer == Answer::Accept) {
                if !data::message::confirm(session, Consent { appid, openid: &openid, template_id }, now).await? {
                    return Err(Fault::contended("another first consent"));
                }
            }
            wake(session, appid, &openid, now).await?;
            Ok(Heard::Done("noted"))
        }
        SubscribeEvent::Changed(answers) => {
            for (template_id, _) in answers.iter().filter(|(_, answer)| *answer == Answer::Reject) {
                data::message::void(session, Consent { appid, openid: &openid, template_id }, now).await?;
            }
            Ok(Heard::Done("noted"))
        }
        SubscribeEvent::Delivered(deliveries) => {
            let mut outcome = "delivered";
            for delivery in deliveries {
                let Some((code, why)) = &delivery.failure else { continue };
                let (code, why): (String, String) =
                    (code.chars().take(32).collect(), why.chars().take(CAUSE_CHARS_MAX).collect());
                if data::message::give_up(session, appid, &delivery.msgid, &code, &why).await? {
                    tracing::warn!(appid, msgid = delivery.msgid, code, why, "WeChat could not deliver a message");
                    outcome = "undelivered";
                } else if !data::message::is_known(session, appid, &delivery.msgid).await? {
                    if now < push.received_ms.plus(ECHO_PATIENCE) {
                        return Ok(Heard::Early(now.plus(TURN_POLL)));
                    }
                    outcome = "foreign";
                }
            }
            Ok(Heard::Done(outcome))
        }
    }
}

/// Messages that waited for this need not wait until the end.
async fn wake(session: &mut Session, appid: &str, openid: &str, now: Timestamp) -> Result<(), Fault> {
    let Some(account) = data::user::find_account(session, appid, openid).await? else { return Ok(()) };
    for message in data::message::list_waiting(session, account.user.id).await? {
        data::job::hasten(session, &job::subject(&Work::SendMessage { message }), now).await?;
    }
    Ok(())
}

/// A page of what was told, latest first, for staff.
pub async fn list(
    app: &App,
    state: Option<MessageState>,
    before: Option<i64>,
    limit: i64,
) -> Result<Page<Message>, Error<Never>> {
    let mut session = app.database.read().await?;
    let rows = data::message::list(&mut session, state, before.unwrap_or(i64::MAX), limit + 1).await?;
    Ok(Page::cut(rows, limit, |message| Place { value: 0, id: message.id.0 }))
}

/// What to do about a code of a message that did not arrive, in Chinese: staff read it.
pub fn remedy(code: &str) -> Option<String> {
    wechat::meaning::find(code).map(|meaning| meaning.remedy.zh.to_owned())
}

/// An order was paid.
pub(super) async fn paid(app: &App, session: &mut Session, order: &Order) -> Result<(), Fault> {
    announce(app, session, order, Occasion::OrderPaid, order.id.0).await
}
/// The first of an order left.
pub(super) async fn shipped(app: &App, session: &mut Session, order: &Order) -> Result<(), Fault> {
    announce(app, session, order, Occasion::OrderShipped, order.id.0).await
}
/// Money of an order went back.
pub(super) async fn refunded(app: &App, session: &mut Session, order: &Order, refund: RefundId) -> Result<(), Fault> {
    announce(app, session, order, Occasion::RefundSucceeded, refund.0).await
}
