//! Callbacks of WeChat Pay: verified, stored as they came, answered, and only then carried out.
//!
//! One statement stores a callback, so that it is acknowledged in time however slow or busy the database is. What it
//! says is carried out right after by the process that took it, or by [`sweep`] when that process is gone.

use super::settle::{Ending, fact, settle};
use crate::{
    app::{App, random_number},
    data,
    model::{
        job::backoff,
        notice::{Notice as Stored, NoticeRefusal, RefusedNotice, SETTLE_GRACE, WAITING},
        payment::{FactSource, PaymentFact},
        refund::RefundFact,
    },
    planted::{Bug, planted},
    service::{Error, Fault, Never, attempt, audit, refund, staff::Clerk},
    wechat::pay::{Notice, NoticeContent, NoticeReason, NoticeRefusal as Refused},
};
use axum::http::HeaderMap;
use std::time::Duration;

/// Which address was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// That of payments.
    Payment,
    /// That of refunds.
    Refund,
}

/// What WeChat is to be told. Only [`NoticeAnswer::Stored`] makes it stop calling.
#[derive(Debug)]
pub enum NoticeAnswer {
    /// It is on the disk.
    Stored,
    /// It is not WeChat's, or cannot be read.
    Refused(Refused),
    /// It came to the wrong address.
    Misplaced,
    /// It could not be stored now; WeChat will call again.
    Fault(Error<Never>),
}

/// What a callback says that is of use here.
#[derive(Debug)]
enum Said {
    Paid(PaymentFact),
    Refund(RefundFact),
    Nothing,
}

/// Verify a callback and store it. The body is the raw bytes as they came.
pub async fn notice(app: &App, called: NoticeKind, headers: &HeaderMap, body: &[u8]) -> NoticeAnswer {
    let notice = match app.wechat.open_notice(headers, body).await {
        Ok(notice) => notice,
        Err(refusal) => {
            app.meters.callbacks.refused.add();
            note_refusal(app, headers, body, refusal.reason);
            return NoticeAnswer::Refused(refusal);
        }
    };
    let is_refund = matches!(notice.content, NoticeContent::Refund(_));
    let is_payment = matches!(notice.content, NoticeContent::Payment(_));
    if (is_refund && called == NoticeKind::Payment) || (is_payment && called == NoticeKind::Refund) {
        return NoticeAnswer::Misplaced;
    }
    if planted(Bug::UnawaitedUpdate) {
        drop(store(app, &notice, headers, body));
        return NoticeAnswer::Stored;
    }
    match store(app, &notice, headers, body).await {
        Ok(()) => NoticeAnswer::Stored,
        Err(fault) => {
            app.meters.callbacks.failed.add();
            NoticeAnswer::Fault(fault)
        }
    }
}

async fn store(app: &App, notice: &Notice, headers: &HeaderMap, body: &[u8]) -> Result<(), Error<Never>> {
    // What makes no sense is not taken: WeChat calls again, and somebody looks at the log.
    let said = read(notice)?;
    let now = app.now();
    let row = Stored {
        notify_id: notice.id.clone(),
        event_type: notice.event_type.clone(),
        subject: notice.subject().to_owned(),
        headers: signature_headers(headers),
        body: text(body),
        outcome: WAITING.to_owned(),
        received: 1,
        failures: 0,
        due_ms: now.plus(SETTLE_GRACE),
        received_ms: now,
        last_ms: now,
        settled_ms: None,
    };
    let id = row.notify_id.clone();
    let new = app.intake.store(row).await?;
    if new { &app.meters.callbacks.stored } else { &app.meters.callbacks.repeated }.add();
    if new || planted(Bug::DuplicateEffect) {
        carry_out_later(app, id, said);
    } else if let Some(place) = app.settling.place() {
        let app_ = app.clone();
        app.spawn(async move {
            let _place = place;
            let _turn = app_.settling.turn().await;
            if let Err(error) = come_again(&app_, &id).await {
                tracing::warn!(error = error.chain(), "a callback that came again was not counted");
            }
        });
    }
    Ok(())
}

async fn come_again(app: &App, id: &str) -> Result<(), Fault> {
    let mut session = app.database.write().await?;
    data::notice::come_again(&mut session, id, app.now()).await?;
    Ok(session.commit().await?)
}

fn carry_out_later(app: &App, id: String, said: Said) {
    let Some(place) = app.settling.place() else { return };
    let this = app.clone();
    app.spawn(async move {
        let _place = place;
        let _turn = this.settling.turn().await;
        if let Err(error) = carry_out(&this, &id, &said).await {
            put_off(&this, &id, 0, &error).await;
        }
    });
}

async fn carry_out(app: &App, id: &str, said: &Said) -> Result<(), Error<Never>> {
    let ending = Ending::Notice { id: id.to_owned() };
    let carried = match said {
        Said::Paid(fact) => settle(app, fact, &ending).await.map(drop),
        Said::Refund(fact) => refund::learn(app, fact, &ending).await.map(drop),
        Said::Nothing => {
            tracing::warn!(notify_id = id, "a notice that asks for nothing was stored");
            attempt(|| async {
                let mut session = app.database.write().await?;
                ending.end(app, &mut session, "ignored").await?;
                session.commit().await?;
                Ok(())
            })
            .await
        }
    };
    carried.inspect(|()| app.meters.callbacks.settled.add())
}

fn read(notice: &Notice) -> Result<Said, Fault> {
    Ok(match &notice.content {
        NoticeContent::Payment(transaction) if transaction.is_paid() => {
            Said::Paid(fact(transaction, FactSource::Notice)?)
        }
        NoticeContent::Refund(state) => Said::Refund(refund::fact(state)),
        NoticeContent::Payment(_) | NoticeContent::Other(_) => Said::Nothing,
    })
}

/// Carry out what was stored and is waiting beyond its time; how many there were.
pub async fn sweep(app: &App) -> Result<usize, Error<Never>> {
    let mut count = 0;
    loop {
        let waiting = data::notice::list_waiting(&mut app.database.read().await?, app.now()).await?;
        if waiting.is_empty() {
            return Ok(count);
        }
        for row in waiting {
            count += 1;
            let outcome = match app.wechat.reopen_notice(row.body.as_bytes()) {
                Ok(notice) => match read(&notice) {
                    Ok(said) => carry_out(app, &row.notify_id, &said).await,
                    Err(fault) => Err(fault.into()),
                },
                Err(refusal) => Err(Fault::broken(format!("a stored callback is not read: {refusal}")).into()),
            };
            if let Err(error) = outcome
                && !put_off(app, &row.notify_id, row.failures, &error).await
            {
                return Err(error);
            }
        }
    }
}

/// Settling failed: whoever sweeps tries again, and waits longer each time. Whether that was noted.
async fn put_off(app: &App, id: &str, failures: i64, error: &Error<Never>) -> bool {
    app.meters.callbacks.put_off.add();
    tracing::error!(notify_id = id, failures, %error, "a stored callback could not be settled and waits");
    // Integer thousandths: 0.8 to 1.2.
    let spread = Duration::from_millis(800 + random_number(400)).as_secs_f64();
    let due = app.now().plus(backoff(failures + 3, spread));
    let noted = async {
        let mut session = app.database.write().await?;
        data::notice::put_off(&mut session, id, due).await?;
        session.commit().await
    };
    noted.await.is_ok()
}

/// Carry out a stored callback once more, for staff: what it did before it does not do again. The word is what it
/// came to now.
pub async fn replay(app: &App, clerk: &Clerk, id: &str) -> Result<Stored, Error<NoticeRefusal>> {
    let row = data::notice::find(&mut app.database.read().await?, id).await?.ok_or(NoticeRefusal::NotFound)?;
    if row.body.is_empty() {
        return Err(NoticeRefusal::Erased.into());
    }
    let notice = app.wechat.reopen_notice(row.body.as_bytes()).map_err(|refusal| match refusal.reason {
        NoticeReason::Decryption => NoticeRefusal::Sealed.into(),
        reason => Error::Fault(Fault::broken(format!("a stored callback is not read: {reason}"))),
    })?;
    carry_out(app, id, &read(&notice)?).await.map_err(|error| error.map(|never| match never {}))?;
    attempt(|| async {
        let mut act = audit::begin(app).await?;
        let after = data::notice::find(&mut act, id).await?.ok_or(NoticeRefusal::NotFound)?;
        let detail = (&row.outcome, &after.outcome);
        act.commit(app, clerk, "notice.replay", &format!("notice:{id}"), &detail).await.map(|()| after)
    })
    .await
}

/// Write down a callback that was refused, if its content is WeChat's: strangers fill no disk. Nobody waits for it.
fn note_refusal(app: &App, headers: &HeaderMap, body: &[u8], reason: NoticeReason) {
    let Ok(notice) = app.wechat.reopen_notice(body) else { return };
    let Some(leave) = app.settling.note() else { return };
    let row = RefusedNotice {
        notify_id: notice.id.clone(),
        reason: reason.as_str().to_owned(),
        event_type: notice.event_type.clone(),
        subject: notice.subject().to_owned(),
        headers: signature_headers(headers),
        body: text(body),
        received: 1,
        received_ms: app.now(),
        last_ms: app.now(),
    };
    let this = app.clone();
    app.spawn(async move {
        let _leave = leave;
        let noted = async {
            let mut session = this.database.write().await?;
            data::notice::insert_refused(&mut session, &row).await?;
            session.commit().await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, "a refused callback was not written down");
        }
    });
}

/// It was read as JSON, so it is UTF-8.
fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn signature_headers(headers: &HeaderMap) -> String {
    let named = headers.iter().filter(|(name, _)| name.as_str().starts_with("wechatpay-"));
    let shown = named.map(|(name, value)| {
        let value: String = String::from_utf8_lossy(value.as_bytes()).chars().take(1024).collect();
        (name.as_str().to_owned(), serde_json::Value::String(value))
    });
    serde_json::Value::Object(shown.collect()).to_string()
}
