//! Bringing a database to the schema of this binary.
//!
//! sqlx embeds the files; running them is ours, since sqlx's lock does nothing on MariaDB and a half-run file would
//! stop every later start. One node at a time migrates. A file's start is recorded before it runs: if the process
//! dies in between, the next one runs it again and takes "it is already there" for an answer.

use super::{
    error::Error,
    session::{Database, Session},
    statement::Sql,
};
use sqlx::{Connection, Executor, MySqlConnection, migrate::Migrator};

static MYSQL: Migrator = sqlx::migrate!("migrations/mysql");
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// Seconds to wait for another node that migrates.
const LOCK_SECONDS: i64 = 120;

const CREATE: Sql = Sql {
    name: "data::migrate::CREATE",
    mysql: "CREATE TABLE IF NOT EXISTS migrations (version BIGINT NOT NULL PRIMARY KEY, name VARCHAR(64) NOT NULL,
            checksum VARCHAR(96) NOT NULL, done BOOLEAN NOT NULL) ENGINE = InnoDB COLLATE = utf8mb4_bin",
    sqlite: "CREATE TABLE IF NOT EXISTS migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL,
             checksum TEXT NOT NULL, done INTEGER NOT NULL) STRICT",
};
const TABLES: Sql = Sql {
    name: "data::migrate::TABLES",
    mysql: "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'migrations'",
    sqlite: "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'",
};
const LIST: Sql = same("data::migrate::LIST", "SELECT version, checksum, done FROM migrations ORDER BY version");
const START: Sql =
    same("data::migrate::START", "INSERT INTO migrations (version, name, checksum, done) VALUES (?, ?, ?, ?)");
const FINISH: Sql = same("data::migrate::FINISH", "UPDATE migrations SET done = ? WHERE version = ?");

const fn same(name: &'static str, text: &'static str) -> Sql {
    Sql { name, mysql: text, sqlite: text }
}

/// Run what has not run yet.
pub(super) async fn run(database: &Database) -> Result<(), Error> {
    match database {
        Database::MySql { pool, .. } => {
            // A connection of its own, closed at the end: the lock belongs to it and goes with it.
            let mut lock = pool.pool().acquire().await.map_err(Error::of("data::migrate"))?.detach();
            let taken = take_lock(&mut lock).await;
            let outcome = if taken? { on_mysql(database, &mut lock).await } else { Err(busy()) };
            drop(lock.close().await);
            outcome
        }
        Database::Sqlite { .. } => on_sqlite(database).await,
    }
}

fn busy() -> Error {
    Error::Unfit(format!("another node has been migrating this database for {LOCK_SECONDS} seconds"))
}

async fn take_lock(connection: &mut MySqlConnection) -> Result<bool, Error> {
    let taken: Option<i64> = sqlx::query_scalar("SELECT GET_LOCK(CONCAT(DATABASE(), '.migrate'), ?)")
        .bind(LOCK_SECONDS)
        .fetch_one(connection)
        .await
        .map_err(Error::of("data::migrate::LOCK"))?;
    Ok(taken == Some(1))
}

/// What the table says of a version: its checksum, and whether it is done.
async fn known(session: &mut Session) -> Result<Vec<(i64, String, bool)>, Error> {
    session.execute(CREATE, ()).await?;
    session.all(LIST, ()).await
}

async fn on_mysql(database: &Database, connection: &mut MySqlConnection) -> Result<(), Error> {
    let known = known(&mut database.read().await?).await?;
    for migration in MYSQL.iter() {
        let checksum = hex::encode(&migration.checksum);
        let before = known.iter().find(|(version, ..)| *version == migration.version);
        match before {
            Some((_, found, _)) if *found != checksum => return Err(edited(&migration.description)),
            Some((.., true)) => continue,
            Some((.., false)) => {}
            None => {
                let row = (migration.version, migration.description.as_ref(), checksum, false);
                database.read().await?.execute(START, row).await?;
            }
        }
        if let Err(error) = connection.execute(sqlx::raw_sql(migration.sql.clone())).await
            && !(before.is_some() && is_there_already(&error))
        {
            return Err(Error::of("data::migrate")(error));
        }
        database.read().await?.execute(FINISH, (true, migration.version)).await?;
    }
    Ok(())
}

/// Table, column or key exists, or the row was inserted: the start before this one got that far.
fn is_there_already(error: &sqlx::Error) -> bool {
    let number = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>())
        .map(sqlx::mysql::MySqlDatabaseError::number);
    matches!(number, Some(1050 | 1060 | 1061 | 1062))
}

/// SQLite changes its schema inside a transaction, so here a file runs whole or not at all.
async fn on_sqlite(database: &Database) -> Result<(), Error> {
    let mut session = database.write().await?;
    let known = known(&mut session).await?;
    for migration in SQLITE.iter() {
        let checksum = hex::encode(&migration.checksum);
        match known.iter().find(|(version, ..)| *version == migration.version) {
            Some((_, found, _)) if *found != checksum => return Err(edited(&migration.description)),
            Some(_) => {}
            None => {
                session.script(migration.sql.clone()).await?;
                session.execute(START, (migration.version, migration.description.as_ref(), checksum, true)).await?;
            }
        }
    }
    session.commit().await
}

/// How many files have not run yet. Nothing is changed: a database without the table has run none.
pub(super) async fn pending(database: &Database) -> Result<usize, Error> {
    let files = if matches!(database, Database::MySql { .. }) { MYSQL.iter().count() } else { SQLITE.iter().count() };
    let mut session = database.read().await?;
    if session.number(TABLES, ()).await? == 0 {
        return Ok(files);
    }
    let known: Vec<(i64, String, bool)> = session.all(LIST, ()).await?;
    Ok(files.saturating_sub(known.iter().filter(|(.., done)| *done).count()))
}

fn edited(name: &str) -> Error {
    Error::Unfit(format!(
        "migration `{name}` was edited after it had run on this database; migrations are never edited"
    ))
}
