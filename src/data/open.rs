//! Opening a database by its URL, with the settings that the promises need.

use super::{doctor, error::Error, migrate, session::Database, writer::Writer};
use crate::config;
use sqlx::{
    ConnectOptions, Executor,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{str::FromStr, time::Duration};

/// Connections that read SQLite; more do not help on one file.
const SQLITE_READERS: u32 = 4;

/// Guards that no deployment may switch off: only the test that shows what they are for does.
#[derive(Debug, Clone, Copy)]
pub struct Guards {
    /// Roll back whatever a cancelled `begin()` left open on a connection of the MySQL pool.
    pub rollback_on_release: bool,
}

impl Default for Guards {
    fn default() -> Self {
        Self { rollback_on_release: true }
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

async fn mysql(url: &str, settings: &config::Database, guards: Guards) -> Result<Database, Error> {
    let options = MySqlConnectOptions::from_str(url).map_err(Error::of("data::open"))?.disable_statement_logging();
    let lock_wait = settings.lock_wait_seconds;
    let pool = MySqlPoolOptions::new()
        .max_connections(settings.connections_max)
        .acquire_timeout(Duration::from_millis(settings.acquire_timeout_ms))
        .max_lifetime(Duration::from_mins(10))
        // A ping before each use would cost a quarter of the reads; only a connection that rested is asked.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                Ok(meta.idle_for < Duration::from_secs(5) || sqlx::Connection::ping(connection).await.is_ok())
            })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
                sqlx::query("SET SESSION innodb_lock_wait_timeout = ?").bind(lock_wait).execute(connection).await?;
                Ok(())
            })
        })
        .after_release(move |connection, _| {
            Box::pin(async move {
                if guards.rollback_on_release {
                    connection.execute("ROLLBACK").await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await
        .map_err(Error::of("data::open"))?;
    Ok(Database::MySql(pool))
}

async fn sqlite(url: &str, timeout: Duration) -> Result<Database, Error> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(Error::of("data::open"))?
        .busy_timeout(Duration::from_secs(5))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .pragma("temp_store", "memory")
        .disable_statement_logging();
    // The writer comes first: it makes the file and sets the journal mode.
    let writer = Writer::open(options.clone(), timeout).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .acquire_timeout(timeout)
        .test_before_acquire(false)
        .connect_with(options.read_only(true))
        .await
        .map_err(Error::of("data::open"))?;
    Ok(Database::Sqlite { readers, writer })
}
