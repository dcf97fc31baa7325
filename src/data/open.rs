//! Opening a database by its URL, with the settings that the promises need.

use super::{doctor, error::Error, migrate, session::Database, spare::Spare, transfer, writer::Writer};
use crate::config;
use sqlx::{
    ConnectOptions, Executor,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

/// Connections that read SQLite; more do not help on one file.
const SQLITE_READERS: u32 = 4;

/// What the writer keeps of the file, in KiB below zero as SQLite wants it. With its own 2 MB an insert into a large table
/// fetches most pages of the index anew.
const SQLITE_WRITER_CACHE: &str = "-65536";

/// How long SQLite waits for whoever writes, and between two tries to open its file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const OPEN_AGAIN: Duration = Duration::from_millis(20);

/// A connection that has rested for so long is asked whether it still lives before it is used.
const REST: Duration = Duration::from_secs(5);
/// The same of those for callbacks.
const CALLBACK_REST: Duration = Duration::from_mins(1);

/// Statements that a connection of MySQL keeps prepared. To make room for one more sqlx sends the server a word that it does not
/// answer, and on a socket without `TCP_NODELAY` what comes next then waits 40 ms for the server's delayed acknowledgement: with
/// sqlx's own 100 whoever used a connection for many things met that again and again. Three nodes of 20 connections stay
/// below the 16,382 that a server allows (`max_prepared_stmt_count`).
const STATEMENTS_MAX: usize = 256;

/// How long a connection may take to be ready for the next who asks.
const RELEASE_PATIENCE: Duration = Duration::from_secs(5);

/// Guards that no deployment may switch off: only the test that shows what they are for does.
#[derive(Debug, Clone, Copy)]
pub struct Guards {
    /// Roll back whatever a cancelled `begin()` left open on a connection of the MySQL pool.
    pub rollback_on_release: bool,
    /// Close a connection to MySQL on which a statement was dropped before its answer came.
    pub close_unanswered: bool,
}

impl Default for Guards {
    fn default() -> Self {
        Self { rollback_on_release: true, close_unanswered: true }
    }
}

impl Database {
    /// Open, migrate and examine the database of the settings.
    pub async fn open(settings: &config::Database) -> Result<Self, Error> {
        Self::open_guarded(settings, Guards::default()).await
    }

    /// The same with other guards; for the test that shows what they are for.
    pub async fn open_guarded(settings: &config::Database, guards: Guards) -> Result<Self, Error> {
        let database = Self::connect(settings, guards).await?;
        migrate::run(&database).await?;
        transfer::refuse_unfinished(&database).await?;
        warm_up(&database, settings).await?;
        let symptoms = doctor::examine(&database).await?;
        for symptom in &symptoms {
            tracing::warn!(%symptom, "the database is not set up as the promises need");
        }
        match symptoms.first() {
            Some(symptom) if !settings.allow_unsafe => {
                Err(Error::Unfit(format!("{symptom} (set database.allow_unsafe = true to start all the same)")))
            }
            _ => Ok(database),
        }
    }

    /// Open without migrating.
    pub async fn connect(settings: &config::Database, guards: Guards) -> Result<Self, Error> {
        let url = settings.url.expose();
        let timeout = Duration::from_millis(settings.acquire_timeout_ms);
        if url.starts_with("sqlite:") { sqlite(url, timeout).await } else { mysql(url, settings, guards).await }
    }
}

pub(super) fn mysql_options(url: &str) -> Result<MySqlConnectOptions, Error> {
    let options = MySqlConnectOptions::from_str(url).map_err(Error::of("data::open"))?;
    Ok(options.statement_cache_capacity(STATEMENTS_MAX).disable_statement_logging())
}

async fn mysql(url: &str, settings: &config::Database, guards: Guards) -> Result<Database, Error> {
    let options = mysql_options(url)?;
    let pool = mysql_pool(settings, settings.connections_max, REST)
        .max_lifetime(Duration::from_mins(10))
        .after_release(move |connection, _| {
            Box::pin(async move {
                if guards.rollback_on_release {
                    // A statement that was dropped while the database prepared it leaves sqlx waiting for an answer that
                    // never comes. Such a connection is closed, and its place in the pool is free again.
                    let rolled_back = tokio::time::timeout(RELEASE_PATIENCE, connection.execute("ROLLBACK")).await;
                    rolled_back.map_err(|_| sqlx::Error::PoolTimedOut)??;
                }
                Ok(true)
            })
        })
        .connect_with(options.clone())
        .await
        .map_err(Error::of("data::open"))?;
    // Nothing is begun on these, so nothing is left open on them. They live long: when the database is slow there is no
    // time to connect, which takes several round trips, nor to prepare the one statement that runs on them.
    // One more than callbacks keep: the one that is asked whether the database answers.
    let callbacks = mysql_pool(settings, settings.callback_connections + 1, CALLBACK_REST)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options);
    let closes = guards.close_unanswered;
    let (pool, callbacks) = (Spare::new(pool, REST, closes), Spare::new(callbacks, CALLBACK_REST, closes));
    Ok(Database::MySql { pool, callbacks, meter: Arc::default() })
}

/// A pool whose connections are asked whether they still live when they have rested for so long.
fn mysql_pool(settings: &config::Database, connections_max: u32, rest: Duration) -> MySqlPoolOptions {
    let lock_wait = settings.lock_wait_seconds;
    MySqlPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_millis(settings.acquire_timeout_ms))
        // A ping before each use would cost a quarter of the reads.
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            Box::pin(async move { Ok(meta.idle_for < rest || sqlx::Connection::ping(connection).await.is_ok()) })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
                sqlx::query("SET SESSION innodb_lock_wait_timeout = ?").bind(lock_wait).execute(connection).await?;
                Ok(())
            })
        })
}

/// Connect all that callbacks may use, with the statement prepared that stores one.
async fn warm_up(database: &Database, settings: &config::Database) -> Result<(), Error> {
    let Database::MySql { .. } = database else { return Ok(()) };
    let mut sessions = Vec::new();
    for _ in 0..settings.callback_connections {
        let mut session = database.alone().await?;
        session.prepare(super::notice::STORE).await?;
        for size in super::intake::group_sizes() {
            session.prepare_for(super::notice::STORE_ALL, size).await?;
        }
        sessions.push(session);
    }
    Ok(())
}

pub(super) fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, Error> {
    Ok(SqliteConnectOptions::from_str(url)
        .map_err(Error::of("data::open"))?
        .busy_timeout(BUSY_TIMEOUT)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .pragma("temp_store", "memory")
        .disable_statement_logging())
}

/// Whoever makes the file changes its journal mode. SQLite lets nobody wait for that, but says at once that the database is
/// locked; so those who start together wait here.
async fn sqlite(url: &str, timeout: Duration) -> Result<Database, Error> {
    let began = Instant::now();
    loop {
        match sqlite_once(url, timeout).await {
            Err(Error::Contended { .. }) if began.elapsed() < BUSY_TIMEOUT => tokio::time::sleep(OPEN_AGAIN).await,
            opened => return opened,
        }
    }
}

async fn sqlite_once(url: &str, timeout: Duration) -> Result<Database, Error> {
    let options = sqlite_options(url)?;
    // The writer comes first: it makes the file and sets the journal mode.
    let writer = Writer::open(options.clone().pragma("cache_size", SQLITE_WRITER_CACHE), timeout).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .acquire_timeout(timeout)
        .test_before_acquire(false)
        .connect_with(options.read_only(true))
        .await
        .map_err(Error::of("data::open"))?;
    // A file does not go away while nobody reads it.
    Ok(Database::Sqlite { readers: Spare::new(readers, Duration::MAX, false), writer, meter: Arc::default() })
}
