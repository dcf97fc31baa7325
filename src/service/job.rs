//! Enqueuing work, and ending it in the transaction of its effect.

use crate::{
    app::App,
    data::{self, Session},
    model::{
        binding,
        id::JobId,
        job::{Claim, JobRefusal, JobRow, JobState, QueueFigures, Work},
        page::{Page, Place},
        refusal::Refusal,
        time::{Timestamp, days},
    },
    service::{Error, Fault, Never, attempt, audit, staff::Clerk},
};

/// What is to become of a job whose use case has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It is done.
    Done,
    /// It is to be done again, as this work, at this time.
    Again(Work, Timestamp),
    /// It is done and nobody will want to look at it: its row goes.
    Gone,
}

/// Enqueue in the transaction of the change that needs it; the second of two with the same subject is dropped.
///
/// An id that a process beside this one made at the same moment is a lost race and not a second subject: a job must not
/// be dropped for it.
pub async fn enqueue(app: &App, session: &mut Session, work: &Work, run_ms: Timestamp) -> Result<bool, Fault> {
    let (key, snapshot) = (subject(work), app.settings.now());
    let queues = binding::route(&snapshot.bindings, &work.routing_key(), &key);
    let Some((first, copies)) = queues.split_first() else {
        return insert(app, session, binding::DEFAULT_QUEUE, work, run_ms, &key).await;
    };
    let new = insert(app, session, first, work, run_ms, &key).await?;
    for queue in copies {
        insert(app, session, queue, work, run_ms, &copy_of(&key, queue)).await?;
    }
    Ok(new)
}

/// Publish work under a routing key, in the transaction of the change: one job for each queue that a pattern binds it to,
/// except where it is already; how many queues those are. None is none: whoever must not lose it looks, or takes
/// [`enqueue`].
pub async fn publish(
    app: &App,
    session: &mut Session,
    key: &str,
    work: &Work,
    run_ms: Timestamp,
) -> Result<usize, Fault> {
    let (subject, snapshot) = (subject(work), app.settings.now());
    let queues = binding::route(&snapshot.bindings, key, &subject);
    for queue in &queues {
        insert(app, session, queue, work, run_ms, &copy_of(&subject, queue)).await?;
    }
    Ok(queues.len())
}

/// The subject of a job in a further queue.
fn copy_of(subject: &str, queue: &str) -> String {
    format!("{subject}@{queue}")
}

async fn insert(
    app: &App,
    session: &mut Session,
    queue: &str,
    work: &Work,
    run_ms: Timestamp,
    key: &str,
) -> Result<bool, Fault> {
    if data::job::enqueue_in(session, queue, app.ids.next(JobId), work, run_ms, Some(key), app.now()).await? {
        return Ok(true);
    }
    let known = data::job::find_by_key(session, key).await?.is_some();
    if known { Ok(false) } else { Err(Fault::contended("the id of a job is taken")) }
}

/// One job follows one thing: `poll_refund:7`.
pub fn subject(work: &Work) -> String {
    let id = match work {
        Work::CloseUnpaidOrder { order } | Work::ReceiveOrder { order } => order.0,
        Work::QueryPayment { prepay, .. } => prepay.0,
        Work::SendRefund { refund } | Work::PollRefund { refund, .. } => refund.0,
        Work::CleanUp { slot }
        | Work::ReconcileBills { slot }
        | Work::TrimEvents { slot }
        | Work::SweepUploads { slot }
        | Work::RollUpDay { slot }
        | Work::ImportVisits { slot } => *slot,
        Work::UploadShipping { order, version } => return format!("{}:{order}:{version}", work.kind()),
        Work::HandlePush { push } => push.0,
        Work::SendMessage { message } => message.0,
        Work::CheckUpload { upload, .. } => upload.0,
        Work::EraseUser { user, .. } => user.0,
        // Not one thing but one change: `service::hot` enqueues it without a key.
        Work::ForgetCached { hot } => {
            let names = hot.iter().map(|hot| format!(":{}:{}", hot.namespace, hot.name.as_deref().unwrap_or("*")));
            return format!("{}{}", work.kind(), names.collect::<String>());
        }
    };
    format!("{}:{id}", work.kind())
}

/// End the job in the session of its effect. When the lease was lost, the effect must not be committed.
pub async fn end(session: &mut Session, claim: &Claim, next: &Next, now: Timestamp) -> Result<(), Fault> {
    let held = match next {
        Next::Done => data::job::finish(session, claim, now).await?,
        Next::Again(work, run_ms) => data::job::again(session, claim, work, *run_ms).await?,
        Next::Gone => data::job::discard(session, claim).await?,
    };
    if held { Ok(()) } else { Err(Fault::broken("the lease of this job was lost; its effect is undone")) }
}

/// End a job that had nothing to write.
pub async fn end_alone<R: Refusal>(app: &App, claim: &Claim, next: &Next) -> Result<(), Error<R>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        end(&mut session, claim, next, app.now()).await?;
        session.commit().await?;
        Ok(())
    })
    .await
}

/// A page of jobs in a state, latest first, for staff.
pub async fn list(
    app: &App,
    state: JobState,
    before: Option<i64>,
    limit: i64,
) -> Result<Page<JobRow>, Error<JobRefusal>> {
    let mut session = app.database.read().await?;
    let rows = data::job::list(&mut session, state, before.unwrap_or(i64::MAX), limit + 1).await?;
    Ok(Page::cut(rows, limit, |job| Place { value: 0, id: job.id.0 }))
}

/// One job.
pub async fn find(app: &App, id: JobId) -> Result<JobRow, Error<JobRefusal>> {
    Ok(data::job::find(&mut app.database.read().await?, id).await?.ok_or(JobRefusal::NotFound)?)
}

/// How each queue stands, by state.
pub async fn queues(app: &App) -> Result<Vec<QueueFigures>, Error<Never>> {
    Ok(data::job::queues(&mut app.database.read().await?, app.now()).await?)
}

/// Let a job run now, at the command line: one that waits for its time, or one that was given up, from its first attempt.
/// One that is due already is left as it is.
pub async fn retry(app: &App, id: JobId) -> Result<JobRow, Error<JobRefusal>> {
    attempt(|| async {
        let (mut session, now) = (app.database.write().await?, app.now());
        let seen = data::job::find(&mut session, id).await?.ok_or(JobRefusal::NotFound)?;
        let moved = match seen.state {
            JobState::Ready => data::job::hasten_one(&mut session, id, now).await? || seen.run_ms <= now,
            JobState::Dead => data::job::redrive(&mut session, id, now).await?,
            JobState::Running | JobState::Done => false,
        };
        if !moved {
            return Err(JobRefusal::StateForbids { state: seen.state }.into());
        }
        let job = data::job::find(&mut session, id).await?.ok_or(JobRefusal::NotFound)?;
        session.commit().await?;
        tracing::info!(job.id = %id, kind = job.kind, "a job is tried again by hand");
        Ok(job)
    })
    .await
}

/// Try all jobs once more that were given up, of one kind or queue if one is named, at the command line; how many.
pub async fn redrive_all(app: &App, kind: Option<&str>, queue: Option<&str>) -> Result<usize, Error<JobRefusal>> {
    let (mut before, mut count) = (i64::MAX, 0);
    loop {
        let rows = data::job::list(&mut app.database.read().await?, JobState::Dead, before, 100).await?;
        let Some(last) = rows.last() else { return Ok(count) };
        before = last.id.0;
        let named = |row: &&JobRow| kind.is_none_or(|it| it == row.kind) && queue.is_none_or(|it| it == row.queue);
        for row in rows.iter().filter(named) {
            match retry(app, row.id).await {
                Ok(_) => count += 1,
                // Somebody else was faster.
                Err(Error::Refused(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
    }
}

/// Try a job that was given up once more, from the first attempt.
pub async fn redrive(app: &App, clerk: &Clerk, id: JobId) -> Result<JobRow, Error<JobRefusal>> {
    let job = attempt(|| async {
        let mut act = audit::begin(app).await?;
        let seen = data::job::find(&mut act, id).await?.ok_or(JobRefusal::NotFound)?;
        if !data::job::redrive(&mut act, id, app.now()).await? {
            return Err(JobRefusal::StateForbids { state: seen.state }.into());
        }
        let job = data::job::find(&mut act, id).await?.ok_or(JobRefusal::NotFound)?;
        act.commit(app, clerk, "job.redrive", &format!("job:{id}"), &seen).await.map(|()| job)
    })
    .await?;
    app.jobs_due.notify_one();
    Ok(job)
}

/// How long answers to idempotency keys are kept.
const KEYS_KEPT_DAYS: u64 = 7;
/// How long it is shown what was told to whom.
const MESSAGES_KEPT_DAYS: u64 = 90;
/// How long the lines of calls to WeChat are kept: refunds are possible for a year.
const CALLS_KEPT_DAYS: u64 = 400;

/// Delete what is past its time.
pub async fn clean_up(app: &App, claim: &Claim) -> Result<(), Error<Never>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        let now = app.now();
        data::idempotency::purge(&mut session, now.minus(days(KEYS_KEPT_DAYS))).await?;
        data::job::purge(&mut session, now.minus(days(app.config.jobs.keep_days))).await?;
        data::push::purge(&mut session, now.minus(days(app.config.jobs.keep_days))).await?;
        data::message::purge(&mut session, now.minus(days(MESSAGES_KEPT_DAYS))).await?;
        data::call::purge(&mut session, now.minus(days(CALLS_KEPT_DAYS))).await?;
        end(&mut session, claim, &Next::Done, now).await?;
        session.commit().await?;
        Ok(())
    })
    .await
}
