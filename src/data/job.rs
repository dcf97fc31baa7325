//! Rows of `jobs`: the queue.

use super::{Each, Error, Session, Then};
use crate::model::{
    id::JobId,
    job::{Claim, Job, JobRow, JobState, Work},
    time::Timestamp,
};
use std::time::Duration;

macro_rules! select {
    ($rest:literal) => {
        (concat!(
            "SELECT id, kind, state, run_ms, attempt, attempts_max, dedupe_key, last_error, created_ms, ended_ms ",
            "FROM jobs WHERE ",
            $rest
        ))
    };
}

statements! {
    INSERT = "INSERT INTO jobs (id, kind, payload, state, run_ms, attempt, attempts_max, lease_ms, lease_token, dedupe_key,
              created_ms) VALUES (?, ?, ?, ?, ?, 0, ?, 0, 0, ?, ?)";
    FIND_BY_KEY = "SELECT id FROM jobs WHERE dedupe_key = ?";
    DUE = {
        mysql: "SELECT id, payload, attempt, attempts_max, run_ms FROM jobs WHERE state = 'ready' AND run_ms <= ?
                ORDER BY run_ms, id LIMIT ? FOR UPDATE SKIP LOCKED",
        sqlite: "SELECT id, payload, attempt, attempts_max, run_ms FROM jobs WHERE state = 'ready' AND run_ms <= ?
                 ORDER BY run_ms, id LIMIT ?",
    };
    CLAIM = "UPDATE jobs SET state = 'running', lease_token = ?, lease_ms = ?, attempt = attempt + 1
             WHERE state = 'ready' AND id IN ({?})";
    /// Only the holder of the present lease finishes a job.
    FINISH = "UPDATE jobs SET state = 'done', ended_ms = ?
              WHERE id = ? AND state = 'running' AND lease_token = ?";
    RETRY = "UPDATE jobs SET state = 'ready', run_ms = ?, last_error = ? WHERE id = ? AND state = 'running' AND lease_token = ?";
    BURY = "UPDATE jobs SET state = 'dead', ended_ms = ?, last_error = ? WHERE id = ? AND state = 'running' AND lease_token = ?";
    AGAIN = "UPDATE jobs SET state = 'ready', run_ms = ?, kind = ?, payload = ?, attempt = 0
             WHERE id = ? AND state = 'running' AND lease_token = ?";
    EXTEND = "UPDATE jobs SET lease_ms = ? WHERE id = ? AND state = 'running' AND lease_token = ?";
    /// Leases that ended: whoever had them is gone or too slow.
    EXPIRED = {
        mysql: "SELECT id FROM jobs WHERE state = 'running' AND lease_ms < ? ORDER BY lease_ms, id LIMIT 100
                FOR UPDATE SKIP LOCKED",
        sqlite: "SELECT id FROM jobs WHERE state = 'running' AND lease_ms < ? ORDER BY lease_ms, id LIMIT 100",
    };
    /// A job that takes its worker with it each time must not do so for ever.
    SWEEP_DEAD = "UPDATE jobs SET state = 'dead', ended_ms = ?, last_error = 'its worker was lost each time'
                  WHERE state = 'running' AND attempt >= attempts_max AND id IN ({?})";
    SWEEP = "UPDATE jobs SET state = 'ready', run_ms = ? WHERE state = 'running' AND id IN ({?})";
    REDRIVE = "UPDATE jobs SET state = 'ready', run_ms = ?, attempt = 0, ended_ms = NULL WHERE id = ? AND state = 'dead'";
    HASTEN = "UPDATE jobs SET run_ms = ? WHERE dedupe_key = ? AND state = 'ready' AND run_ms > ?";
    LIST_BY_KEYS = (select!("dedupe_key IN ({?}) ORDER BY id"));
    LIST_IN = (select!("state = ? AND id < ? ORDER BY id DESC LIMIT ?"));
    FIND = (select!("id = ?"));
    COUNT = "SELECT COUNT(*) FROM jobs WHERE state = ?";
    COUNT_DUE = "SELECT COUNT(*) FROM jobs WHERE state = 'ready' AND run_ms <= ?";
    NEXT_DUE = "SELECT MIN(run_ms) FROM jobs WHERE state = 'ready'";
    DISCARD = "DELETE FROM jobs WHERE id = ? AND state = 'running' AND lease_token = ?";
    WITHDRAW = "DELETE FROM jobs WHERE id = ? AND state = 'ready'";
    PURGE = "DELETE FROM jobs WHERE state = 'done' AND ended_ms < ?";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: JobId,
    payload: String,
    attempt: i64,
    attempts_max: i64,
    run_ms: Timestamp,
}

/// Enqueue in the transaction of the change that needs it. It is `false` when a job of
/// that `dedupe_key` exists, also one that is done and not yet purged.
pub async fn enqueue(
    session: &mut Session,
    id: JobId,
    work: &Work,
    run_ms: Timestamp,
    dedupe_key: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let payload = serde_json::to_string(work).unwrap_or_default();
    let row = (id, work.kind(), payload, JobState::Ready, run_ms, work.attempts_max(), dedupe_key, now);
    session.insert_new(INSERT, row).await
}
/// The job that follows this subject.
pub async fn find_by_key(session: &mut Session, dedupe_key: &str) -> Result<Option<JobId>, Error> {
    Ok(session.optional::<(JobId,)>(FIND_BY_KEY, (dedupe_key,)).await?.map(|(id,)| id))
}
/// How long a job waits that this version cannot read.
const UNREADABLE: Duration = Duration::from_mins(1);

/// Claim up to `limit` due jobs until `lease_until`, under one token. Commit the session before running them.
///
/// A job that cannot be read is put off, so that it does not hold up the others: while versions change, the next node
/// may know it. At its last attempt it is given up.
pub async fn claim(
    session: &mut Session,
    limit: i64,
    lease_token: i64,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<Vec<Job>, Error> {
    let rows: Vec<Row> = session.all(DUE, (now, limit)).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = rows.iter().map(|row| (row.id,)).collect();
    session.execute(CLAIM, Then((lease_token, lease_until), Each(ids))).await?;
    let mut jobs = Vec::with_capacity(rows.len());
    for Row { id, payload, attempt, attempts_max, run_ms } in rows {
        let claim = Claim { id, lease_token, attempt: attempt + 1 };
        match serde_json::from_str(&payload) {
            Ok(work) => jobs.push(Job { claim, work, attempts_max, run_ms }),
            Err(error) => {
                let error = format!("this version cannot read it: {error}");
                tracing::error!(job.id = %id, error, "a job was put off");
                if claim.attempt < attempts_max {
                    retry(session, &claim, now.plus(UNREADABLE), &error).await?;
                } else {
                    bury(session, &claim, &error, now).await?;
                }
            }
        }
    }
    Ok(jobs)
}
/// Done, in the transaction of the effect. `false` when the lease was lost: then the effect must not be committed.
pub async fn finish(session: &mut Session, claim: &Claim, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(FINISH, (now, claim.id, claim.lease_token)).await? == 1)
}
/// Done, and its row with it: for work that leaves nothing to look at. `false` when the lease was lost.
pub async fn discard(session: &mut Session, claim: &Claim) -> Result<bool, Error> {
    Ok(session.execute(DISCARD, (claim.id, claim.lease_token)).await? == 1)
}
/// Take back a job that nobody has begun, because what it was for has been done; `false` when it has been begun.
pub async fn withdraw(session: &mut Session, id: JobId) -> Result<bool, Error> {
    Ok(session.execute(WITHDRAW, (id,)).await? == 1)
}
/// Give it back, to be run again at `run_ms`.
pub async fn retry(session: &mut Session, claim: &Claim, run_ms: Timestamp, error: &str) -> Result<bool, Error> {
    Ok(session.execute(RETRY, (run_ms, error, claim.id, claim.lease_token)).await? == 1)
}
/// It went well and is to be done again at `run_ms`, as `work` says: one row follows a thing to its end.
pub async fn again(session: &mut Session, claim: &Claim, work: &Work, run_ms: Timestamp) -> Result<bool, Error> {
    let payload = serde_json::to_string(work).unwrap_or_default();
    Ok(session.execute(AGAIN, (run_ms, work.kind(), payload, claim.id, claim.lease_token)).await? == 1)
}
/// Give up: staff look at it.
pub async fn bury(session: &mut Session, claim: &Claim, error: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(BURY, (now, error, claim.id, claim.lease_token)).await? == 1)
}
/// Hold it longer; `false` when the lease was lost.
pub async fn extend(session: &mut Session, claim: &Claim, lease_until: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(EXTEND, (lease_until, claim.id, claim.lease_token)).await? == 1)
}
/// Free jobs of workers that are gone, or give up those that were at their last attempt; how many were freed.
///
/// Workers that sweep at the same time skip each other's rows: waiting for them would end in deadlocks.
pub async fn sweep(session: &mut Session, now: Timestamp) -> Result<u64, Error> {
    let expired: Vec<(JobId,)> = session.all(EXPIRED, (now,)).await?;
    if expired.is_empty() {
        return Ok(0);
    }
    session.execute(SWEEP_DEAD, Then((now,), Each(expired.clone()))).await?;
    session.execute(SWEEP, Then((now,), Each(expired))).await
}
/// Try a dead job once more, from the first attempt.
pub async fn redrive(session: &mut Session, id: JobId, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(REDRIVE, (now, id)).await? == 1)
}
/// Let a job that waits run at `run_ms` already; `false` when it is due before, running or over.
pub async fn hasten(session: &mut Session, dedupe_key: &str, run_ms: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(HASTEN, (run_ms, dedupe_key, run_ms)).await? == 1)
}
/// The jobs that follow any of these subjects.
pub async fn list_by_keys(session: &mut Session, keys: &[String]) -> Result<Vec<JobRow>, Error> {
    session.all(LIST_BY_KEYS, Each(keys.iter().map(|key| (key.as_str(),)).collect())).await
}
/// Jobs in a state, latest first.
pub async fn list(session: &mut Session, state: JobState, before: i64, limit: i64) -> Result<Vec<JobRow>, Error> {
    session.all(LIST_IN, (state, before, limit)).await
}
/// One job.
pub async fn find(session: &mut Session, id: JobId) -> Result<Option<JobRow>, Error> {
    session.optional(FIND, (id,)).await
}
/// How many jobs are in a state.
pub async fn count(session: &mut Session, state: JobState) -> Result<i64, Error> {
    session.number(COUNT, (state,)).await
}
/// How many jobs wait although their time has come.
pub async fn count_due(session: &mut Session, now: Timestamp) -> Result<i64, Error> {
    session.number(COUNT_DUE, (now,)).await
}
/// When the next job is due; `None` when nothing waits.
pub async fn next_due(session: &mut Session) -> Result<Option<Timestamp>, Error> {
    let row = session.optional::<(Option<Timestamp>,)>(NEXT_DUE, ()).await?;
    Ok(row.and_then(|(due,)| due))
}
/// Forget jobs that were done before; how many there were.
pub async fn purge(session: &mut Session, before: Timestamp) -> Result<u64, Error> {
    session.execute(PURGE, (before,)).await
}
