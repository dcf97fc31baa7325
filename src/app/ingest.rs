//! Events on their way to the log: requests that come while a batch is being written share the next one.
//!
//! Whoever appends holds the heads of the log until its commit, so one writer a node is enough and more would only wait for
//! each other. The writer is a task that lives while there is something to write; shutdown waits for it.

use super::{App, random_number};
use crate::{data, model::event::Event, telemetry::meter::Counter};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, oneshot};

/// Most events of one transaction; a request is never parted.
const GROUP_EVENTS_MAX: usize = 4_000;
/// Most bytes of one transaction.
const GROUP_BYTES_MAX: usize = 4 << 20;
/// Most bytes that wait.
const WAITING_BYTES_MAX: usize = 32 << 20;
/// How often a batch is written again when another writer was in the way.
const AGAIN_MAX: u32 = 5;
/// How long one try may take: a connection that is silent for so long is dead.
const PATIENCE: Duration = Duration::from_secs(10);

/// The line of events that wait to be written.
#[derive(Debug)]
pub struct Ingest {
    waiting_max: usize,
    line: Mutex<Line>,
    /// Rung when a fact was noted: a hint, its mover also looks by itself.
    pub facts: Notify,
    /// Events that were new.
    pub accepted: Counter,
    /// Events that the log had.
    pub known: Counter,
    /// Events that found no room.
    pub refused: Counter,
    /// Transactions.
    pub groups: Counter,
}

#[derive(Debug, Default)]
struct Line {
    requests: VecDeque<Waiting>,
    events: usize,
    bytes: usize,
    writing: bool,
}

#[derive(Debug)]
struct Waiting {
    events: Vec<Event>,
    bytes: usize,
    tell: oneshot::Sender<Result<usize, NotTaken>>,
}

/// Why events are not in the log, or not known to be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotTaken {
    /// Too many wait.
    #[error("too many events wait")]
    Full,
    /// The database did not write them.
    #[error(transparent)]
    Failed(#[from] Arc<data::Error>),
    /// Nobody knows: the database said nothing in time, or the writer was lost.
    #[error("the writer of events said nothing")]
    Silent,
}

impl Ingest {
    /// A line in which so many events may wait.
    pub fn new(waiting_max: usize) -> Self {
        Self {
            waiting_max,
            line: Mutex::default(),
            facts: Notify::new(),
            accepted: Counter::default(),
            known: Counter::default(),
            refused: Counter::default(),
            groups: Counter::default(),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Take a place in the line; whether a writer must be started.
    fn enter(&self, waiting: Waiting) -> Result<bool, NotTaken> {
        let mut line = self.line();
        let (events, bytes) = (line.events + waiting.events.len(), line.bytes + waiting.bytes);
        // Whoever comes first is let in, however large.
        if !line.requests.is_empty() && (events > self.waiting_max || bytes > WAITING_BYTES_MAX) {
            return Err(NotTaken::Full);
        }
        (line.events, line.bytes) = (events, bytes);
        line.requests.push_back(waiting);
        Ok(!std::mem::replace(&mut line.writing, true))
    }

    /// The next batch; none ends the writer, and whoever comes later starts another.
    fn next_group(&self) -> Vec<Waiting> {
        let mut line = self.line();
        let (mut group, mut events, mut bytes) = (Vec::new(), 0, 0);
        while let Some(next) = line.requests.pop_front() {
            let fits = events + next.events.len() <= GROUP_EVENTS_MAX && bytes + next.bytes <= GROUP_BYTES_MAX;
            if !fits && !group.is_empty() {
                line.requests.push_front(next);
                break;
            }
            (events, bytes) = (events + next.events.len(), bytes + next.bytes);
            group.push(next);
        }
        (line.events, line.bytes) = (line.events - events, line.bytes - bytes);
        line.writing = !group.is_empty();
        group
    }

    /// Whether a batch is being written.
    pub fn is_writing(&self) -> bool {
        self.line().writing
    }
    /// Events that wait to be written.
    pub fn count_waiting(&self) -> usize {
        self.line().events
    }
}

impl App {
    /// Write events into the log; how many of them were new. `Ok` means that they are on the disk.
    pub async fn log_events(&self, events: Vec<Event>) -> Result<usize, NotTaken> {
        let count = events.len();
        let (tell, told) = oneshot::channel();
        let bytes = events.iter().map(Event::bytes).sum();
        match self.ingest.enter(Waiting { events, bytes, tell }) {
            Ok(true) => drop(self.spawn(write_all(self.clone()))),
            Ok(false) => {}
            Err(full) => {
                self.ingest.refused.add_many(count);
                return Err(full);
            }
        }
        let new = told.await.unwrap_or(Err(NotTaken::Silent))?;
        self.ingest.accepted.add_many(new);
        self.ingest.known.add_many(count - new);
        Ok(new)
    }
}

/// Makes room for another writer should this one panic.
struct Hand<'a>(&'a Ingest);

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut line = self.0.line();
            // Whoever waits learns that nobody writes.
            *line = Line::default();
        }
    }
}

async fn write_all(app: App) {
    let hand = Hand(&app.ingest);
    loop {
        let group = hand.0.next_group();
        if group.is_empty() {
            return;
        }
        write_group(&app, group).await;
    }
}

/// Write a batch and answer each of its requests.
async fn write_group(app: &App, group: Vec<Waiting>) {
    match append(app, &group).await {
        Ok(news) => {
            let mut news = news.into_iter();
            for Waiting { events, tell, .. } in group {
                let new = news.by_ref().take(events.len()).filter(|new| *new).count();
                // Nobody waits any more for one whose caller has gone; it is in the log all the same.
                let _ = tell.send(Ok(new));
            }
        }
        // What the database cannot take of one must not be the others' loss.
        Err(NotTaken::Failed(error)) if group.len() > 1 && !error.is_passing() => {
            for one in group {
                Box::pin(write_group(app, vec![one])).await;
            }
        }
        Err(error) => {
            for one in group {
                let _ = one.tell.send(Err(error.clone()));
            }
        }
    }
}

/// Of each event whether it was new, once it is on the disk.
async fn append(app: &App, group: &[Waiting]) -> Result<Vec<bool>, NotTaken> {
    let events: Vec<&Event> = group.iter().flat_map(|one| &one.events).collect();
    // Nearly always all are new: the log is asked what it has when it says that it has one of them.
    let (mut look, mut again) = (false, 0);
    loop {
        match tokio::time::timeout(PATIENCE, append_once(app, &events, look)).await {
            Err(_) => return Err(NotTaken::Silent),
            Ok(Err(data::Error::Conflict { .. })) if !look => look = true,
            Ok(Err(error)) if error.is_contended() && again < AGAIN_MAX => {
                again += 1;
                tracing::debug!(%error, again, "a race for the log was lost");
                tokio::time::sleep(Duration::from_millis(5 + random_number(45))).await;
            }
            Ok(outcome) => return outcome.map_err(|error| NotTaken::Failed(Arc::new(error))),
        }
    }
}

async fn append_once(app: &App, events: &[&Event], look: bool) -> Result<Vec<bool>, data::Error> {
    let mut session = app.database.write().await?;
    let news = if look {
        data::event::append_each(&mut session, events).await?
    } else {
        data::event::append_unseen(&mut session, events).await?
    };
    session.commit().await?;
    app.ingest.groups.add();
    Ok(news)
}
