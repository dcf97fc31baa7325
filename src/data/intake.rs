//! Callbacks on their way to the disk: those that come while others are being stored share the next statement.
//!
//! A slow database answers late however much it was given. If each callback cost a statement, the time of an answer would
//! bound how many are taken a second; so whoever gets one of a few connections stores all that wait by then. The
//! connections are kept: to give one back to the pool and take it again costs a round trip.

use super::{Database, Error, Session, notice};
use crate::model::notice::Notice;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Semaphore, oneshot};

/// Most callbacks of one statement; groups have sizes of powers of two, so that few statements are to be prepared.
const GROUP_MAX: usize = 128;
/// How often a group is written again when another writer was in the way.
const AGAIN_MAX: usize = 3;
/// A connection that is silent for so long is dead: it is closed, and WeChat calls again.
const PATIENCE: Duration = Duration::from_secs(10);
/// Ids that this process has stored: one that comes again is known without asking.
const KNOWN_MAX: u64 = 100_000;

/// Stores callbacks.
pub struct Intake {
    database: Database,
    hands: Semaphore,
    waiting: Mutex<VecDeque<Waiting>>,
    kept: Mutex<Vec<Session>>,
    known: moka::sync::Cache<String, ()>,
}

struct Waiting {
    row: Notice,
    tell: oneshot::Sender<Result<bool, Error>>,
}

impl Intake {
    /// On this database, at most so many statements at a time.
    pub fn new(database: Database, connections: u32) -> Self {
        Self {
            database,
            hands: Semaphore::new(usize::try_from(connections.max(1)).unwrap_or(1)),
            waiting: Mutex::default(),
            kept: Mutex::default(),
            known: moka::sync::Cache::builder().max_capacity(KNOWN_MAX).time_to_live(Duration::from_hours(1)).build(),
        }
    }

    /// Store a verified callback. `Ok` means that it is on the disk; `false`, that it was there before.
    pub async fn store(&self, row: Notice) -> Result<bool, Error> {
        if self.known.contains_key(&row.notify_id) {
            return Ok(false);
        }
        let (tell, mut told) = oneshot::channel();
        lock(&self.waiting).push_back(Waiting { row, tell });
        loop {
            tokio::select! {
                biased;
                told = &mut told => return told.unwrap_or_else(|_| Err(interrupted())),
                hand = self.hands.acquire() => {
                    let Ok(_hand) = hand else { return Err(interrupted()) };
                    let group = self.next_group();
                    if !group.is_empty() {
                        self.store_group(group).await;
                        continue;
                    }
                }
            }
            // Somebody else has this row in hand.
            return told.await.unwrap_or_else(|_| Err(interrupted()));
        }
    }

    /// Let go of the connections; the database closes after that.
    pub fn close(&self) {
        self.hands.close();
        lock(&self.kept).clear();
    }

    fn next_group(&self) -> Vec<Waiting> {
        let mut waiting = lock(&self.waiting);
        let count = waiting.len().min(GROUP_MAX);
        let size = count.checked_ilog2().map_or(0, |power| 1 << power);
        waiting.drain(..size).collect()
    }

    async fn store_group(&self, group: Vec<Waiting>) {
        // Of copies in one group only the first is a row.
        let mut ids = BTreeSet::new();
        let firsts: Vec<bool> = group.iter().map(|one| ids.insert(one.row.notify_id.clone())).collect();
        let rows: Vec<&Notice> =
            group.iter().zip(&firsts).filter(|(_, first)| **first).map(|(one, _)| &one.row).collect();
        let mut outcome = self.write(&rows).await;
        for _ in 0..AGAIN_MAX {
            if !outcome.as_ref().is_err_and(Error::is_contended) {
                break;
            }
            tokio::task::yield_now().await;
            outcome = self.write(&rows).await;
        }
        match outcome {
            Ok(news) => {
                let mut news = news.into_iter();
                for (one, first) in group.into_iter().zip(firsts) {
                    self.known.insert(one.row.notify_id, ());
                    // Nobody waits any more for one whose caller has gone; it is stored all the same.
                    let _ = one.tell.send(Ok(first && news.next().unwrap_or(false)));
                }
            }
            Err(error) => {
                let mut error = Some(error);
                for one in group {
                    let _ = one.tell.send(Err(error.take().unwrap_or_else(interrupted)));
                }
            }
        }
    }

    /// Write on a kept connection; if that fails, it and the others may have died while nobody called, and another one
    /// is made.
    async fn write(&self, rows: &[&Notice]) -> Result<Vec<bool>, Error> {
        let kept = lock(&self.kept).pop();
        if let Some(session) = kept {
            match self.write_on(session, rows).await {
                Err(error) if !error.is_contended() => lock(&self.kept).clear(),
                outcome => return outcome,
            }
        }
        self.write_on(self.database.alone().await?, rows).await
    }

    async fn write_on(&self, mut session: Session, rows: &[&Notice]) -> Result<Vec<bool>, Error> {
        let Ok(outcome) = tokio::time::timeout(PATIENCE, insert(&mut session, rows)).await else {
            session.discard();
            return Err(Error::of("data::intake")(sqlx::Error::PoolTimedOut));
        };
        let news = outcome?;
        if let Some(session) = session.finish().await? {
            lock(&self.kept).push(session);
        }
        Ok(news)
    }
}

/// Which of them are new.
async fn insert(session: &mut Session, rows: &[&Notice]) -> Result<Vec<bool>, Error> {
    match notice::insert_all(session, rows).await {
        Ok(()) => Ok(vec![true; rows.len()]),
        // One was there: one after the other tells which.
        Err(Error::Conflict { .. }) => {
            let mut news = Vec::with_capacity(rows.len());
            for row in rows {
                news.push(notice::insert(session, row).await?);
            }
            Ok(news)
        }
        Err(error) => Err(error),
    }
}

/// The sizes that groups can have.
pub(super) fn group_sizes() -> impl Iterator<Item = usize> {
    (0..=GROUP_MAX.ilog2()).map(|power| 1 << power)
}

fn interrupted() -> Error {
    Error::of("data::intake")(sqlx::Error::WorkerCrashed)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
