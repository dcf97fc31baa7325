//! Rows of `jobs`: the queue.

use super::{Each, Error, Session, Then, throttle};
use crate::model::{
    binding::DEFAULT_QUEUE,
    id::JobId,
    job::{Claim, Job, JobRow, JobState, Priority, QueueFigures, Work, lane_parts},
    throttle::{Allowance, Scope, Throttle},
    time::Timestamp,
};
use std::{collections::BTreeMap, time::Duration};

macro_rules! select {
    ($rest:literal) => {
        (concat!(
            "SELECT id, kind, state, run_ms, attempt, attempts_max, dedupe_key, last_error, created_ms, ended_ms, ",
            "queue, redrives ",
            "FROM jobs WHERE ",
            $rest
        ))
    };
}

statements! {
    INSERT = "INSERT INTO jobs (id, kind, payload, state, run_ms, attempt, attempts_max, lease_ms, lease_token, dedupe_key,
              created_ms, queue, priority, lane) VALUES (?, ?, ?, ?, ?, 0, ?, 0, 0, ?, ?, ?, ?, ?)";
    FIND_BY_KEY = "SELECT id FROM jobs WHERE dedupe_key = ?";
    DUE = {
        mysql: "SELECT id, kind, payload, attempt, attempts_max, run_ms, queue, priority FROM jobs
                WHERE state = 'ready' AND run_ms <= ? ORDER BY run_ms, id LIMIT ? FOR UPDATE SKIP LOCKED",
        sqlite: "SELECT id, kind, payload, attempt, attempts_max, run_ms, queue, priority FROM jobs
                 WHERE state = 'ready' AND run_ms <= ? ORDER BY run_ms, id LIMIT ?",
    };
    DUE_IN = {
        mysql: "SELECT id, kind, payload, attempt, attempts_max, run_ms, queue, priority FROM jobs
                WHERE state = 'ready' AND lane = ? AND run_ms <= ? ORDER BY run_ms, id LIMIT ? FOR UPDATE SKIP LOCKED",
        sqlite: "SELECT id, kind, payload, attempt, attempts_max, run_ms, queue, priority FROM jobs
                 WHERE state = 'ready' AND lane = ? AND run_ms <= ? ORDER BY run_ms, id LIMIT ?",
    };
    /// One step down the index for each lane, however many jobs wait in it.
    FIRST_LANE = "SELECT MIN(lane) FROM jobs WHERE state = 'ready'";
    NEXT_LANE = "SELECT MIN(lane) FROM jobs WHERE state = 'ready' AND lane > ?";
    RUNNING = "SELECT kind, queue, COUNT(*) FROM jobs WHERE state = 'running' GROUP BY kind, queue";
    QUEUES = "SELECT queue, state, COUNT(*) AS jobs, CAST(SUM(CASE WHEN run_ms <= ? THEN 1 ELSE 0 END) AS SIGNED) AS due,
              CAST(SUM(CASE WHEN state = 'ready' AND attempt > 0 OR state = 'running' AND attempt > 1 THEN 1 ELSE 0 END)
              AS SIGNED) AS retried, CAST(SUM(redrives) AS SIGNED) AS redriven, MIN(run_ms) AS oldest_ms FROM jobs
              WHERE state IN ('ready', 'running', 'dead') GROUP BY queue, state ORDER BY queue, state";
    HASTEN_ONE = "UPDATE jobs SET run_ms = ? WHERE id = ? AND state = 'ready' AND run_ms > ?";
    CLAIM = "UPDATE jobs SET state = 'running', lease_token = ?, lease_ms = ?, attempt = attempt + 1
             WHERE state = 'ready' AND id IN ({?})";
    /// Only the holder of the present lease finishes a job.
    FINISH = "UPDATE jobs SET state = 'done', ended_ms = ?
              WHERE id = ? AND state = 'running' AND lease_token = ?";
    RETRY = "UPDATE jobs SET state = 'ready', run_ms = ?, last_error = ? WHERE id = ? AND state = 'running' AND lease_token = ?";
    BURY = "UPDATE jobs SET state = 'dead', ended_ms = ?, last_error = ? WHERE id = ? AND state = 'running' AND lease_token = ?";
    AGAIN = {
        mysql: "UPDATE jobs SET state = 'ready', run_ms = ?, kind = ?, payload = ?, attempt = 0, priority = ?,
                lane = CONCAT(queue, ?) WHERE id = ? AND state = 'running' AND lease_token = ?",
        sqlite: "UPDATE jobs SET state = 'ready', run_ms = ?, kind = ?, payload = ?, attempt = 0, priority = ?,
                 lane = queue || ? WHERE id = ? AND state = 'running' AND lease_token = ?",
    };
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
    REDRIVE = "UPDATE jobs SET state = 'ready', run_ms = ?, attempt = 0, ended_ms = NULL,
               redrives = redrives + 1 WHERE id = ? AND state = 'dead'";
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
    kind: String,
    payload: String,
    attempt: i64,
    attempts_max: i64,
    run_ms: Timestamp,
    queue: String,
    priority: i64,
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
    enqueue_in(session, DEFAULT_QUEUE, id, work, run_ms, dedupe_key, now).await
}
/// The same in a queue of this name.
pub async fn enqueue_in(
    session: &mut Session,
    queue: &str,
    id: JobId,
    work: &Work,
    run_ms: Timestamp,
    dedupe_key: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let payload = serde_json::to_string(work).unwrap_or_default();
    let (priority, lane) = (work.priority() as i64, format!("{queue}{}", work.lane_in_queue()));
    let most = work.attempts_max();
    let row = (id, work.kind(), payload, JobState::Ready, run_ms, most, dedupe_key, now, queue, priority, lane);
    session.insert_new(INSERT, row).await
}
/// The job that follows this subject.
pub async fn find_by_key(session: &mut Session, dedupe_key: &str) -> Result<Option<JobId>, Error> {
    Ok(session.optional::<(JobId,)>(FIND_BY_KEY, (dedupe_key,)).await?.map(|(id,)| id))
}
/// How long a job waits that this version cannot read.
const UNREADABLE: Duration = Duration::from_mins(1);

/// Claim up to `limit` due jobs of any queue: [`claim_from`].
pub async fn claim(
    session: &mut Session,
    limit: i64,
    lease_token: i64,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<Vec<Job>, Error> {
    claim_from(session, &[], limit, lease_token, lease_until, now).await
}
/// Claim up to `limit` due jobs of these queues, of any if none is named, until `lease_until`, under one token. Commit the
/// session before running them.
///
/// What is held back ([`Throttle`]) is passed over and stands in nobody's way. When more
/// is due than can be taken, whoever waits longest goes first, an urgent job as if it had waited longer.
///
/// A job that cannot be read is put off, so that it does not hold up the others: while versions change, the next node
/// may know it. At its last attempt it is given up.
pub async fn claim_from(
    session: &mut Session,
    queues: &[String],
    limit: i64,
    lease_token: i64,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<Vec<Job>, Error> {
    let mut rows: Vec<Row> = session.all(DUE, (now, limit)).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let throttles = throttle::list_held(session).await?;
    let mut allowance = allowance(session, &throttles, now).await?;
    // Otherwise that is all there is, and nobody has to go first.
    if i64::try_from(rows.len()).unwrap_or(limit) >= limit {
        rows = heads(session, queues, &allowance, limit, now).await?;
    }
    rows.sort_by_key(|row| (row.run_ms.plus(Priority::patience(row.priority)), row.id));
    rows.retain(|row| takes(queues, &row.queue) && allowance.left(&row.kind, &row.queue) > 0);
    let mut chosen = Vec::new();
    for row in rows {
        let full = i64::try_from(chosen.len()).unwrap_or(limit) >= limit;
        if !full && allowance.take(&row.kind, &row.queue) {
            chosen.push(row);
        }
    }
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    for throttle in throttles.iter().filter(|one| one.scope == Scope::Kind && one.per_minute.is_some()) {
        let taken = chosen.iter().filter(|row| row.kind == throttle.name).count();
        if taken > 0 {
            let taken = i64::try_from(taken).unwrap_or(i64::MAX);
            throttle::note(session, &throttle.name, lease_token, taken, now).await?;
        }
    }
    let ids = chosen.iter().map(|row| (row.id,)).collect();
    session.execute(CLAIM, Then((lease_token, lease_until), Each(ids))).await?;
    read(session, chosen, lease_token, now).await
}
fn takes(queues: &[String], queue: &str) -> bool {
    queues.is_empty() || queues.iter().any(|one| one == queue)
}
/// What may begin; it costs nothing more where nothing is held back.
async fn allowance(session: &mut Session, throttles: &[Throttle], now: Timestamp) -> Result<Allowance, Error> {
    let mut running: Vec<(String, String, i64)> = Vec::new();
    if throttles.iter().any(|one| one.running_max.is_some()) {
        running = session.all(RUNNING, ()).await?;
    }
    let mut started = BTreeMap::new();
    for one in throttles.iter().filter(|one| one.scope == Scope::Kind && one.per_minute.is_some()) {
        started.insert(one.name.clone(), throttle::started(session, &one.name, now).await?);
    }
    Ok(Allowance::of(throttles, &running, &started))
}
/// The first due jobs of each lane that may be taken from: two steps down an index a lane, however much waits in it or in
/// those that are passed over.
async fn heads(
    session: &mut Session,
    queues: &[String],
    allowance: &Allowance,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let mut next: Option<(Option<String>,)> = session.optional(FIRST_LANE, ()).await?;
    while let Some((Some(lane),)) = next {
        let most = match lane_parts(&lane) {
            Some((queue, _)) if !takes(queues, queue) => 0,
            Some((queue, kind)) => allowance.left(kind, queue).min(limit),
            None => limit,
        };
        if most > 0 {
            rows.extend(session.all::<Row>(DUE_IN, (lane.as_str(), now, most)).await?);
        }
        next = session.optional(NEXT_LANE, (lane,)).await?;
    }
    Ok(rows)
}
async fn read(session: &mut Session, rows: Vec<Row>, lease_token: i64, now: Timestamp) -> Result<Vec<Job>, Error> {
    let mut jobs = Vec::with_capacity(rows.len());
    for Row { id, payload, attempt, attempts_max, run_ms, .. } in rows {
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
    let (priority, lane) = (work.priority() as i64, work.lane_in_queue());
    let values = (run_ms, work.kind(), payload, priority, lane, claim.id, claim.lease_token);
    Ok(session.execute(AGAIN, values).await? == 1)
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
/// The same for one job by its id.
pub async fn hasten_one(session: &mut Session, id: JobId, run_ms: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(HASTEN_ONE, (run_ms, id, run_ms)).await? == 1)
}
/// How each queue stands, by state; what is done does not count.
pub async fn queues(session: &mut Session, now: Timestamp) -> Result<Vec<QueueFigures>, Error> {
    session.all(QUEUES, (now,)).await
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
