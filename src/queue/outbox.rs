//! From the job row to the broker.

use super::{Message, rabbitmq::RabbitMq};
use crate::{
    app::{App, random_bytes},
    data,
    model::{
        id::JobId,
        job::{Job, backoff},
    },
};
use std::time::Duration;

/// Publish up to `limit` due jobs of these queues of the database, each under its own routing key; how many the broker has
/// confirmed. Their rows end then. One that is not confirmed, or that no queue of the broker takes, is tried again as any
/// job that failed, and given up as one.
///
/// The queues are for this alone: a worker that takes from all would do the work itself (`jobs.queues`). Many callers may
/// do this at the same time, on many nodes.
pub async fn forward(app: &App, broker: &RabbitMq, queues: &[String], limit: i64) -> Result<usize, data::Error> {
    if !app.nodes.is_clock_sure() {
        return Ok(0);
    }
    let token = i64::from_le_bytes(random_bytes()) & i64::MAX;
    let mut session = app.database.write().await?;
    let shared = app.shared_now(&mut session).await?;
    data::job::sweep(&mut session, shared).await?;
    let until = shared.plus(Duration::from_secs(app.config.jobs.lease_seconds));
    let jobs = data::job::claim_from(&mut session, queues, limit, token, until, app.now()).await?;
    session.commit().await?;
    let sent = futures_util::future::join_all(jobs.into_iter().map(|job| hand_over(app, broker, job))).await;
    sent.into_iter().try_fold(0, |sum, sent| Ok(sum + usize::from(sent?)))
}

/// Whether the broker has it and the row has ended.
async fn hand_over(app: &App, broker: &RabbitMq, job: Job) -> Result<bool, data::Error> {
    let Job { claim, work, attempts_max, .. } = job;
    let subject = subject_of(app, claim.id).await?;
    let message = Message { id: claim.id.to_string(), key: work.routing_key(), subject, work };
    let reason = match broker.publish(&message).await {
        Ok(0) => "no queue of the broker takes it".to_owned(),
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    let (mut session, now) = (app.database.write().await?, app.now());
    if reason.is_empty() {
        // A lease that was lost meanwhile means that another publishes it too, under the same id.
        data::job::finish(&mut session, &claim, now).await?;
    } else if claim.attempt >= attempts_max {
        data::job::bury(&mut session, &claim, &reason, now).await?;
    } else {
        data::job::retry(&mut session, &claim, now.plus(backoff(claim.attempt, 1.0)), &reason).await?;
    }
    session.commit().await?;
    Ok(reason.is_empty())
}

/// What a job follows; the row of a further queue says which after an `@`.
async fn subject_of(app: &App, id: JobId) -> Result<String, data::Error> {
    let row = data::job::find(&mut app.database.read().await?, id).await?;
    let key = row.and_then(|row| row.dedupe_key).unwrap_or_else(|| id.to_string());
    Ok(key.split_once('@').map_or(key.as_str(), |(subject, _)| subject).to_owned())
}
