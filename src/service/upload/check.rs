//! Pictures that people see who did not ask for them: WeChat looks first, and staff where it is not sure.
//!
//! Such a picture is hidden from its confirmation until WeChat has nothing against it. WeChat answers with a message, which
//! may come before the answer to the question that it belongs to: then the message waits. Without an answer the question
//! is put again, and in the end to staff.

use super::{existing, key_of, lend, show, sweep};
use crate::{
    app::App,
    data::{self, Session},
    model::{
        id::{UploadId, UserId},
        job::{Claim, Work},
        page::{Page, Place},
        time::{Timestamp, minutes},
        upload::{ASKED_MAX, GONE_TIME, Owner, Upload, UploadRefusal, UploadState, VERDICT_TIME, Verdict},
    },
    service::{
        Error, Fault, Never, attempt, audit,
        job::{self, Next},
        staff::Clerk,
    },
    wechat::{push::MediaEvent, security::Suggestion},
};
use std::time::Duration;

/// How long an address that is lent for a look is good: longer than WeChat's queue.
const LOAN_TIME: Duration = minutes(120);
/// How long staff may look at a picture in the list.
const GLANCE_TIME: Duration = minutes(10);

/// A picture that staff decide on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub upload: Upload,
    /// Where to see it, for ten minutes.
    pub url: String,
}

/// Ask WeChat about a picture. The job comes again when the answer should be there.
pub async fn ask(app: &App, claim: &Claim, id: UploadId, asked: u32) -> Result<(), Error<Never>> {
    let mut session = app.database.read().await?;
    let upload = data::upload::find(&mut session, id).await?;
    let Some(upload) = upload.filter(|it| it.state == UploadState::Ready && it.verdict == Verdict::Waiting) else {
        drop(session);
        return job::end_alone(app, claim, &Next::Done).await;
    };
    let openid = data::user::find_openid(&mut session, UserId(upload.owner_id), &upload.appid).await?;
    drop(session);
    let trace = match openid {
        Some(openid) if asked < ASKED_MAX => {
            let url = lend(app, &key_of(&upload.object_key)?, app.now().plus(LOAN_TIME));
            match app.wechat.check_picture(&upload.appid, &openid, &url).await {
                Ok(trace) => Some(trace),
                Err(error) if error.kind().is_temporary() => return Err(error.into()),
                Err(error) => {
                    tracing::error!(%error, upload = %id, "WeChat does not look at a picture; staff have to");
                    None
                }
            }
        }
        _ => None,
    };
    attempt(|| async {
        let (mut session, now) = (app.database.write().await?, app.now());
        let next = match &trace {
            Some(trace) if data::upload::trace(&mut session, id, trace, now).await? => {
                Next::Again(Work::CheckUpload { upload: id, asked: asked + 1 }, now.plus(VERDICT_TIME))
            }
            Some(_) => Next::Done,
            None => {
                data::upload::judge(&mut session, &upload, Verdict::Review, now).await?;
                Next::Done
            }
        };
        job::end(&mut session, claim, &next, now).await?;
        Ok(session.commit().await?)
    })
    .await
}

/// What WeChat says of a picture; `None` when it was asked in no such question, or not yet.
pub async fn learn(
    app: &App,
    session: &mut Session,
    appid: &str,
    event: &MediaEvent,
) -> Result<Option<&'static str>, Fault> {
    let upload = data::upload::find_by_trace(session, &event.trace_id).await?;
    let Some(upload) = upload.filter(|upload| upload.appid == appid) else { return Ok(None) };
    let verdict = match event.suggestion {
        Some(Suggestion::Pass) => Verdict::Pass,
        Some(Suggestion::Risky) => Verdict::Risky,
        Some(Suggestion::Review) => Verdict::Review,
        // It could not be fetched: the job asks once more.
        None => return Ok(Some("not_fetched")),
    };
    // A second opinion of the same question changes nothing.
    if upload.verdict != Verdict::Waiting || !data::upload::judge(session, &upload, verdict, app.now()).await? {
        return Ok(Some("known"));
    }
    if verdict.hides() {
        tracing::warn!(upload = %upload.id, label = event.label, "WeChat is against a picture; staff decide");
    }
    Ok(Some(verdict.word()))
}

/// Pictures that staff must decide on, latest first.
pub async fn held(app: &App, before: Option<i64>, limit: i64) -> Result<Page<Held>, Error<UploadRefusal>> {
    let rows = data::upload::list_held(&mut app.database.read().await?, before.unwrap_or(i64::MAX), limit + 1).await?;
    let until = app.now().plus(GLANCE_TIME);
    let held = |upload: Upload| -> Result<Held, Fault> {
        Ok(Held { url: show::lend(app, &key_of(&upload.object_key)?, until), upload })
    };
    let rows = rows.into_iter().map(held).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, limit, |held| Place { value: 0, id: held.upload.id.0 }))
}

/// Staff have nothing against a picture.
pub async fn allow(app: &App, clerk: &Clerk, id: UploadId) -> Result<Upload, Error<UploadRefusal>> {
    attempt(|| async {
        let mut act = audit::begin(app).await?;
        let seen = hidden(&mut act, id).await?;
        if !data::upload::judge(&mut act, &seen, Verdict::Allowed, app.now()).await? {
            return Err(Fault::contended("the picture was judged meanwhile").into());
        }
        let allowed = Upload { verdict: Verdict::Allowed, ..seen };
        act.commit::<UploadRefusal>(app, clerk, "upload.allow", &format!("upload:{id}"), &allowed.object_key).await?;
        Ok(allowed)
    })
    .await
}

/// Staff do not want a picture shown: it goes at once, from where it is shown too.
pub async fn block(app: &App, clerk: &Clerk, id: UploadId) -> Result<(), Error<UploadRefusal>> {
    let blocked = attempt(|| async {
        let mut act = audit::begin(app).await?;
        let (seen, now) = (hidden(&mut act, id).await?, app.now());
        if !data::upload::block(&mut act, &seen, now.plus(GONE_TIME), now).await? {
            return Err(Fault::contended("the picture was judged meanwhile").into());
        }
        if let Owner::User(user) = Owner::of(&seen) {
            let url = format!("{}{}", super::OBJECTS, seen.object_key);
            data::user::clear_avatar(&mut act, user, &url, now).await?;
        }
        act.commit::<UploadRefusal>(app, clerk, "upload.block", &format!("upload:{id}"), &seen.object_key).await?;
        Ok(seen)
    })
    .await?;
    sweep::remove_objects_now(app, &blocked).await;
    Ok(())
}

/// One that is hidden at present.
async fn hidden(session: &mut Session, id: UploadId) -> Result<Upload, Error<UploadRefusal>> {
    let seen = data::upload::find(session, id).await?.ok_or(UploadRefusal::NotFound)?;
    let seen = existing(session, Owner::of(&seen), id).await?;
    if seen.state != UploadState::Ready || !seen.verdict.hides() {
        return Err(UploadRefusal::Judged.into());
    }
    Ok(seen)
}

/// How long a message waits for the question that it answers, at a time and in all.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(10), minutes(10));

/// When a message is looked at again whose question is not known; `None` when it has waited long enough.
pub fn later(received: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let (pause, most) = PATIENCE;
    (now.since(received) < most).then(|| now.plus(pause))
}
