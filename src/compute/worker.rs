//! Claims due jobs and runs them.

use crate::{
    app::{App, random_bytes, random_number},
    data,
    model::{
        job::{Claim, Job, Work, backoff},
        refusal::Refusal,
    },
    service::{self, Error, Fault, Never, attempt},
};
use std::{
    future::Future,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// Most characters of an error that a job keeps.
const ERROR_CHARS_MAX: usize = 500;

/// Claim and run jobs until the application stops; what is under way then is finished.
pub async fn work(app: App) {
    let (stopping, mut running) = (app.stopping(), JoinSet::new());
    let poll = Duration::from_millis(app.config.jobs.poll_ms);
    while !stopping.is_cancelled() {
        let free = app.config.jobs.workers.saturating_sub(running.len());
        let mut claimed = 0;
        if free > 0 {
            match claim(&app, free).await {
                Ok(jobs) => {
                    claimed = jobs.len();
                    for job in jobs {
                        running.spawn(run(app.clone(), job));
                    }
                }
                Err(error) => tracing::warn!(error = told(error), "jobs could not be claimed"),
            }
        }
        if claimed == free && free > 0 {
            continue;
        }
        // A job that ends makes room, a bell says that one is due; the poll is what is relied on.
        tokio::select! {
            () = stopping.cancelled() => {}
            () = app.jobs_due.notified() => {}
            () = tokio::time::sleep(poll) => {}
            Some(_) = running.join_next() => {}
        }
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
}

/// Run everything that is due now, one after the other; how many there were. For tests and for `jobs run`.
pub async fn run_due(app: &App) -> Result<usize, Error<Never>> {
    let mut count = 0;
    loop {
        let jobs = claim(app, 16).await?;
        if jobs.is_empty() {
            return Ok(count);
        }
        for job in jobs {
            count += 1;
            run(app.clone(), job).await;
        }
    }
}

/// Free the jobs of workers that are gone, then claim up to `limit` due ones.
///
/// Leases go by the database's time, so that nobody whose clock is ahead takes the others for dead. What is due goes by
/// this node's, which is nearly the same: a node whose clock is unsure claims nothing.
async fn claim(app: &App, limit: usize) -> Result<Vec<Job>, Error<Never>> {
    if !app.nodes.is_clock_sure() {
        return Ok(Vec::new());
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let token = i64::from_le_bytes(random_bytes()) & i64::MAX;
    attempt(|| async {
        let mut session = app.database.write().await?;
        let shared = app.shared_now(&mut session).await?;
        data::job::sweep(&mut session, shared).await?;
        let until = shared.plus(Duration::from_secs(app.config.jobs.lease_seconds));
        let jobs = data::job::claim_from(&mut session, &app.config.jobs.queues, limit, token, until, app.now()).await?;
        session.commit().await?;
        Ok(jobs)
    })
    .await
}

/// Run one job in a task of its own, so that a panic is a failure of the job and of nothing else.
async fn run(app: App, job: Job) {
    let Job { claim, work, attempts_max, .. } = job;
    let (kind, began) = (work.kind(), Instant::now());
    let span = tracing::debug_span!("job", otel.name = kind, job.id = %claim.id, attempt = claim.attempt);
    let task = app.spawn(perform(app.clone(), claim.clone(), work).instrument(span));
    let outcome = match holding(&app, &claim, task).await {
        Ok(outcome) => outcome,
        Err(panic) => Err(format!("panicked: {panic}")),
    };
    match outcome {
        Ok(()) => {
            app.meters.runs.note(kind, "done", began.elapsed());
            tracing::debug!(job.id = %claim.id, kind, attempt = claim.attempt, "job done");
        }
        Err(error) => {
            let end = if claim.attempt >= attempts_max { "dead" } else { "failed" };
            app.meters.runs.note(kind, end, began.elapsed());
            failed(&app, &claim, kind, attempts_max, &error).await;
        }
    }
}

/// Wait for the task, holding the lease meanwhile.
async fn holding<T>(app: &App, claim: &Claim, task: impl Future<Output = T>) -> T {
    let lease = Duration::from_secs(app.config.jobs.lease_seconds);
    let mut beat = tokio::time::interval(lease / 3);
    beat.tick().await;
    tokio::pin!(task);
    loop {
        tokio::select! {
            outcome = &mut task => return outcome,
            _ = beat.tick() => {
                if let Err(fault) = extend(app, claim, lease).await {
                    tracing::warn!(job.id = %claim.id, error = fault.chain(), "the lease of a job could not be extended");
                }
            }
        }
    }
}

async fn extend(app: &App, claim: &Claim, lease: Duration) -> Result<(), Fault> {
    let mut session = app.database.write().await?;
    let until = app.shared_now(&mut session).await?.plus(lease);
    data::job::extend(&mut session, claim, until).await?;
    session.commit().await?;
    Ok(())
}

/// What a failed job says of itself: its reason or its chain.
fn told<R: Refusal>(error: Error<R>) -> String {
    match error {
        Error::Refused(reason) => reason.to_string(),
        Error::Fault(fault) => fault.chain(),
    }
}

async fn perform(app: App, claim: Claim, work: Work) -> Result<(), String> {
    match work {
        Work::CloseUnpaidOrder { order } => service::order::expire(&app, &claim, order).await.map_err(told),
        Work::QueryPayment { prepay, step } => service::payment::follow(&app, &claim, prepay, step).await.map_err(told),
        Work::SendRefund { refund } => service::refund::send(&app, &claim, refund).await.map_err(told),
        Work::PollRefund { refund, step } => service::refund::poll(&app, &claim, refund, step).await.map_err(told),
        Work::CleanUp { .. } => service::job::clean_up(&app, &claim).await.map_err(told),
        Work::UploadShipping { order, version } => {
            service::shipment::upload(&app, &claim, order, version).await.map_err(told)
        }
        Work::ReceiveOrder { order } => service::shipment::receive_in_time(&app, &claim, order).await.map_err(told),
        Work::HandlePush { push } => service::push::handle(&app, &claim, push).await.map_err(told),
        Work::SendMessage { message } => service::message::send(&app, &claim, message).await.map_err(told),
        Work::ReconcileBills { slot } => service::reconcile::catch_up(&app, &claim, slot).await.map_err(told),
        Work::ForgetCached { hot } => service::hot::forget_late(&app, &claim, &hot).await.map_err(told),
        Work::TrimEvents { .. } => service::event::trim(&app, &claim).await.map_err(told),
        Work::SweepUploads { .. } => service::upload::sweep(&app, &claim).await.map_err(told),
        Work::CheckUpload { upload, asked } => service::upload::ask(&app, &claim, upload, asked).await.map_err(told),
        Work::ImportVisits { slot } => service::visit::import(&app, &claim, slot).await.map_err(told),
        Work::EraseUser { user, pass } => service::erasure::finish(&app, &claim, user, pass).await.map_err(told),
        Work::RollUpDay { slot } => service::figure::roll_up_due(&app, &claim, slot).await.map_err(told),
    }
}

/// Give the job back for later, or give it up.
async fn failed(app: &App, claim: &Claim, kind: &str, attempts_max: i64, error: &str) {
    let error: String = error.chars().take(ERROR_CHARS_MAX).collect();
    let dead = claim.attempt >= attempts_max;
    // Integer thousandths: 0.8 to 1.2.
    let spread = Duration::from_millis(800 + random_number(400)).as_secs_f64();
    let due = app.now().plus(backoff(claim.attempt, spread));
    let noted = async {
        let mut session = app.database.write().await?;
        if dead {
            data::job::bury(&mut session, claim, &error, app.now()).await?;
        } else {
            data::job::retry(&mut session, claim, due, &error).await?;
        }
        session.commit().await
    };
    if let Err(fault) = noted.await {
        // The lease will end by itself.
        tracing::error!(job.id = %claim.id, error = %fault, "a failed job could not be given back");
    }
    if dead {
        tracing::error!(job.id = %claim.id, kind, attempt = claim.attempt, error, "a job was given up: look at it");
    } else {
        tracing::warn!(job.id = %claim.id, kind, attempt = claim.attempt, error, "a job failed and will be tried again");
    }
}
