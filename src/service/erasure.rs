//! A person goes for good (注销): nothing personal stays, and the books stay as they are.
//!
//! In one transaction the person's row becomes a name without a person, what only the person needs is deleted, and what is
//! personal in orders, payments, refunds, parcels and stored callbacks is blanked; numbers, states, amounts and times stay.
//! A job follows that deletes the pictures and blanks what the person told in events. It runs a second time when nobody's
//! token from before can be believed any more, for what came in at the very moment.
//!
//! **How to add a table with something personal:** its line in `data::erasure`. `tests/it/erasure` reads every column there is.

use crate::{
    app::{App, Settings},
    cache::{Key as _, SignInKey},
    data::{self, Session},
    model::{
        event::{PARTITIONS, visitor},
        flag::FlagRule,
        id::{OrderId, UploadId, UserId},
        job::{Claim, Work},
        payment::PaymentFact,
        refund::Refund,
        time::minutes,
        upload::GONE_TIME,
        user::{UserRefusal, UserState},
    },
    service::{
        Error, Fault, Never, attempt, audit,
        hot::{self, Mark},
        job::{self, Next},
        token::Buyer,
        upload,
    },
};
use std::time::Duration;

/// How long after the first pass the second one comes: longer than a sign-in is believed, a request may take and a report
/// of events may lie in a node.
const SECOND_PASS: Duration = minutes(15);
/// Places of the log that one statement looks at.
const EVENTS_MAX: i64 = 5_000;
/// Pictures whose objects are removed between two looks at the rows.
const UPLOADS_MAX: i64 = 100;

/// What is to be forgotten outside the rows, once they are committed.
struct Erased {
    /// The person's sign-ins, if this call ended any.
    mark: Option<Mark>,
    /// Whether flags named the person.
    flags: bool,
}

/// The person behind a token goes for good. Done again it changes nothing.
///
/// Refused while something is under way that needs the person or is owed to it: an order that waits for its money, is paid
/// or is on its way (one that was received, closed or refunded has ended), a refund that was asked for and is neither paid out,
/// rejected nor closed, money that waits in suspense or in a callback that is not settled, and word to WeChat of what was sent,
/// which names the payer.
pub async fn remove(app: &App, buyer: &Buyer) -> Result<(), Error<UserRefusal>> {
    let erased = attempt(|| remove_once(app, buyer.id)).await?;
    if let Some(mark) = erased.mark {
        hot::forget(app, mark).await;
    }
    if erased.flags {
        app.refresh_settings().await?;
        app.cache.tell(Settings::CHANGED).await;
    }
    app.jobs_due.notify_one();
    Ok(())
}

async fn remove_once(app: &App, user: UserId) -> Result<Erased, Error<UserRefusal>> {
    let mut session = app.database.write().await?;
    // The row first: an order that is being placed is seen below, or sees that its buyer is gone.
    if !data::erasure::bury(&mut session, user, app.now()).await? {
        let known = data::user::find(&mut session, user).await?;
        known.filter(|known| known.state == UserState::Deleted).ok_or(UserRefusal::NotFound)?;
        // Also what was read may belong to a group that is not on the disk yet.
        session.commit().await?;
        return Ok(Erased { mark: None, flags: false });
    }
    if data::erasure::has_open(&mut session, user).await? {
        return Err(UserRefusal::OrdersOpen.into());
    }
    let orders = data::erasure::orders(&mut session, user).await?;
    let sign_ins = data::token::list_of(&mut session, user).await?;
    let flags = forget_names(&mut session, user).await?;
    erase(app, &mut session, user, &orders).await?;
    let hot = sign_ins.iter().map(|sign_in| SignInKey(sign_in.id).hot()).collect();
    let mark = hot::mark(app, &mut session, hot).await?;
    job::enqueue(app, &mut session, &Work::EraseUser { user, pass: 0 }, app.now()).await?;
    let detail = serde_json::json!({ "orders": orders.len(), "sign_ins": sign_ins.len() });
    audit::note(app, &mut session, "user.remove", &format!("user:{user}"), &detail).await?;
    session.commit().await?;
    Ok(Erased { mark: Some(mark), flags })
}

/// Blank and forget by the person's id: all that can be found without WeChat's names of it.
async fn erase(app: &App, session: &mut Session, user: UserId, orders: &[OrderId]) -> Result<(), Fault> {
    data::erasure::blank(session, user, orders).await?;
    data::erasure::forget(session, user).await?;
    data::erasure::drop_uploads(session, user, app.now().plus(GONE_TIME), app.now()).await?;
    // What was answered to staff is not the person's and stays, lest a request of theirs has its effect twice.
    for order in data::erasure::refunded_by_staff(session, orders).await? {
        for (scope, key, reply) in data::erasure::replies(session, &format!("\"order_id\":\"{order}\"")).await? {
            let Ok(refund) = serde_json::from_str::<Refund>(&reply) else { continue };
            let reply = serde_json::to_string(&refund.impersonal()).unwrap_or(reply);
            data::idempotency::keep(session, &scope, &key, &reply).await?;
        }
    }
    Ok(())
}

/// Blank what names the person as WeChat does; whether a flag did. Only while the accounts are there to say how that is.
async fn forget_names(session: &mut Session, user: UserId) -> Result<bool, Fault> {
    let mut named = false;
    data::erasure::forget_consents(session, user).await?;
    for openid in data::erasure::openids(session, user).await? {
        data::erasure::blank_pushes(session, &openid).await?;
        for (number, fact) in data::erasure::suspense(session, &openid).await? {
            let Ok(fact) = serde_json::from_str::<PaymentFact>(&fact) else { continue };
            let text = serde_json::to_string(&fact.of_payer("")).unwrap_or_default();
            data::erasure::blank_suspense(session, &number, &text, &openid).await?;
        }
        for past in [false, true] {
            for (name, version, rule) in data::erasure::flags(session, past, &openid).await? {
                let Ok(mut rule) = serde_json::from_str::<FlagRule>(&rule) else { continue };
                if rule.openids.remove(&openid) {
                    let text = serde_json::to_string(&rule).map_err(|error| Fault::broken(error.to_string()))?;
                    data::erasure::blank_flag(session, past, (&name, version), &text).await?;
                    named |= !past;
                }
            }
        }
    }
    if named {
        // Every node reads all flags anew.
        data::setting::step(session).await?;
    }
    Ok(named)
}

/// The job: remove what a person who is gone has left outside the rows of its transaction, and what came in since.
pub async fn finish(app: &App, claim: &Claim, user: UserId, pass: u32) -> Result<(), Error<Never>> {
    if pass > 0 {
        attempt(|| erase_again(app, user)).await?;
    }
    remove_pictures(app, user).await?;
    blank_events(app, user).await?;
    let next = match pass {
        0 => Next::Again(Work::EraseUser { user, pass: 1 }, app.now().plus(SECOND_PASS)),
        _ => Next::Done,
    };
    job::end_alone(app, claim, &next).await
}

async fn erase_again(app: &App, user: UserId) -> Result<(), Error<Never>> {
    let mut session = app.database.write().await?;
    let orders = data::erasure::orders(&mut session, user).await?;
    erase(app, &mut session, user, &orders).await?;
    Ok(session.commit().await?)
}

/// Remove the objects. Their rows stay for the sweep, which looks for a day whether a form of before has put one there.
async fn remove_pictures(app: &App, user: UserId) -> Result<(), Fault> {
    let mut after = UploadId(0);
    loop {
        let rows = data::upload::list_of(&mut app.database.read().await?, user, after, UPLOADS_MAX).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in &rows {
            upload::remove_objects(app, row).await?;
        }
    }
}

/// Also under the names that the person had before it turned out to be one with another.
async fn blank_events(app: &App, user: UserId) -> Result<(), Error<Never>> {
    let mut names = data::merge::list_merged(&mut app.database.read().await?, user).await?;
    names.push(user);
    for name in names {
        blank_events_of(app, &visitor(Some(name), "")).await?;
    }
    Ok(())
}

/// Piece by piece, since there is no index by visitor: nobody waits for the whole log.
async fn blank_events_of(app: &App, name: &str) -> Result<(), Error<Never>> {
    for partition in 0..PARTITIONS {
        let (first, last) = data::event::ends(&mut app.database.read().await?, partition).await?;
        let mut after = first - 1;
        while after < last && !app.is_stopping() {
            let to = last.min(after + EVENTS_MAX);
            attempt(|| async {
                let mut session = app.database.write().await?;
                data::erasure::blank_events(&mut session, name, partition, (after, to)).await?;
                Ok::<_, Error<Never>>(session.commit().await?)
            })
            .await?;
            after = to;
        }
    }
    if app.is_stopping() { Err(Fault::broken("the node stops").into()) } else { Ok(()) }
}
