//! The one writer of SQLite, with group commit.
//!
//! `synchronous = FULL` makes a commit cost a flush of the disk, and the promise needs it. So units of work that
//! wait for the writer share one: each runs in a savepoint of a common transaction, and all are answered when the
//! common commit has returned. A unit that is dropped rolls back to its savepoint; the others do not notice.
//!
//! The connection belongs to one task, which lends it to one unit at a time and gets it back whatever becomes of the
//! borrower: a cancelled request cannot leave a transaction open for the next one.

use super::{error::Error, wire};
use sqlx::{
    Connection, SqlSafeStr, SqliteConnection,
    sqlite::{SqliteArguments, SqliteConnectOptions},
};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

/// Most units of one commit.
const GROUP_MAX: usize = 64;
/// A group is closed when it is this old, even if more units wait.
const GROUP_AGE_MAX: Duration = Duration::from_millis(8);
/// Most units that wait for the writer.
const WAITING_MAX: usize = 1024;

/// Hands out units of work, one at a time.
#[derive(Debug, Clone)]
pub struct Writer {
    wanted: mpsc::Sender<oneshot::Sender<Result<Unit, Error>>>,
    timeout: Duration,
    task: TaskTracker,
    stop: tokio_util::sync::CancellationToken,
}

/// One unit of work: the connection on loan.
#[derive(Debug)]
pub(super) struct Unit {
    connection: Option<SqliteConnection>,
    home: Option<oneshot::Sender<Returned>>,
}

#[derive(Debug)]
struct Returned {
    connection: SqliteConnection,
    /// Whom to tell that it lasts; `None` when the unit was dropped.
    keep: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Writer {
    /// Open the writing connection and start its task. `timeout` is how long a unit waits for its turn.
    pub(super) async fn open(options: SqliteConnectOptions, timeout: Duration) -> Result<Self, Error> {
        let connection = SqliteConnection::connect_with(&options).await.map_err(Error::of("data::open"))?;
        let (wanted, requests) = mpsc::channel(WAITING_MAX);
        let (task, stop) = (TaskTracker::new(), tokio_util::sync::CancellationToken::new());
        task.spawn(Desk { options, requests, connection: Some(connection), stop: stop.clone() }.run());
        task.close();
        Ok(Self { wanted, timeout, task, stop })
    }
    /// Wait for a turn.
    pub(super) async fn begin(&self) -> Result<Unit, Error> {
        let turn = async {
            let (give, take) = oneshot::channel();
            self.wanted.send(give).await.map_err(|_| sqlx::Error::PoolClosed)?;
            take.await.map_err(|_| sqlx::Error::PoolClosed)
        };
        match tokio::time::timeout(self.timeout, turn).await {
            Ok(Ok(unit)) => unit,
            Ok(Err(closed)) => Err(Error::of("data::write")(closed)),
            Err(_) => Err(Error::of("data::write")(sqlx::Error::PoolTimedOut)),
        }
    }
    /// Finish the units under way and close the connection.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        self.task.wait().await;
    }
}

impl Unit {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("a unit has its connection until it is consumed")
    }
    /// Give the connection back and wait until the group is on the disk.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        let (tell, told) = oneshot::channel();
        self.go_home(Some(tell));
        told.await.unwrap_or_else(|_| Err(Error::of("data::commit")(sqlx::Error::PoolClosed)))
    }
    fn go_home(&mut self, keep: Option<oneshot::Sender<Result<(), Error>>>) {
        if let (Some(connection), Some(home)) = (self.connection.take(), self.home.take()) {
            // Nobody at home means that the task is gone; dropping the connection undoes everything.
            drop(home.send(Returned { connection, keep }));
        }
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.go_home(None);
    }
}

/// The task that owns the connection.
struct Desk {
    options: SqliteConnectOptions,
    requests: mpsc::Receiver<oneshot::Sender<Result<Unit, Error>>>,
    connection: Option<SqliteConnection>,
    stop: tokio_util::sync::CancellationToken,
}

impl Desk {
    async fn run(mut self) {
        loop {
            let first = tokio::select! {
                biased;
                first = self.requests.recv() => first,
                () = self.stop.cancelled() => None,
            };
            let Some(first) = first else { break };
            self.group(first).await;
        }
        if let Some(connection) = self.connection.take() {
            drop(connection.close().await);
        }
    }

    /// Run a group: `first`, then whoever waits, then one commit for all.
    async fn group(&mut self, first: oneshot::Sender<Result<Unit, Error>>) {
        let mut connection = match self.connect().await {
            Ok(connection) => connection,
            Err(error) => return drop(first.send(Err(error))),
        };
        if let Err(error) = control(&mut connection, "BEGIN IMMEDIATE; SAVEPOINT unit").await {
            drop(first.send(Err(Error::of("data::write")(error))));
            // It may be half begun: a fresh connection is cheaper than knowing.
            return;
        }
        let (mut kept, started) = (Vec::new(), Instant::now());
        let mut next = Some(first);
        let mut broken = None;
        while let Some(borrower) = next.take() {
            let Some(returned) = lend(connection, borrower).await else {
                return self.answer(kept, Some(&sqlx::Error::WorkerCrashed), None);
            };
            connection = returned.connection;
            let keep = returned.keep.map(|tell| kept.push(tell)).is_some();
            let more = kept.len() < GROUP_MAX && started.elapsed() < GROUP_AGE_MAX;
            next = if more { self.requests.try_recv().ok() } else { None };
            if let Err(error) = hand_over(&mut connection, keep, next.is_some()).await {
                if let Some(waiting) = next.take() {
                    drop(waiting.send(Err(Error::of("data::write")(sqlx::Error::WorkerCrashed))));
                }
                broken = Some(error);
            }
        }
        if broken.is_none() {
            let end = if kept.is_empty() { "ROLLBACK" } else { "COMMIT" };
            broken = control(&mut connection, end).await.err();
        }
        // A connection whose commit failed is dropped, which undoes the group.
        let whole = broken.is_none().then_some(connection);
        self.answer(kept, broken.as_ref(), whole);
    }

    fn answer(
        &mut self,
        kept: Vec<oneshot::Sender<Result<(), Error>>>,
        broken: Option<&sqlx::Error>,
        connection: Option<SqliteConnection>,
    ) {
        self.connection = connection;
        for tell in kept {
            // The driver's error cannot be copied, so each unit of a failed group gets its text.
            let outcome = match broken {
                None => Ok(()),
                Some(error) => Err(Error::of("data::commit")(sqlx::Error::Protocol(error.to_string()))),
            };
            drop(tell.send(outcome));
        }
    }

    async fn connect(&mut self) -> Result<SqliteConnection, Error> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => SqliteConnection::connect_with(&self.options).await.map_err(Error::of("data::write")),
        }
    }
}

/// Lend the connection until it comes back; `None` when it never will.
async fn lend(connection: SqliteConnection, borrower: oneshot::Sender<Result<Unit, Error>>) -> Option<Returned> {
    let (home, back) = oneshot::channel();
    // A borrower that gave up waiting drops the unit, which sends the connection straight back.
    drop(borrower.send(Ok(Unit { connection: Some(connection), home: Some(home) })));
    back.await.ok()
}

/// Run statements without values; they stay prepared.
async fn control(connection: &mut SqliteConnection, text: &'static str) -> Result<(), sqlx::Error> {
    let statements = text.split(';').count();
    wire::listen(connection, text.into_sql_str(), SqliteArguments::default(), statements).await.map(drop)
}

/// End one unit and, when another waits, begin it: one trip to the thread of the driver.
async fn hand_over(connection: &mut SqliteConnection, keep: bool, begin_next: bool) -> Result<(), sqlx::Error> {
    let text = match (keep, begin_next) {
        (true, true) => "RELEASE unit; SAVEPOINT unit",
        (true, false) => "RELEASE unit",
        (false, true) => "ROLLBACK TO unit; RELEASE unit; SAVEPOINT unit",
        (false, false) => "ROLLBACK TO unit; RELEASE unit",
    };
    control(connection, text).await
}
