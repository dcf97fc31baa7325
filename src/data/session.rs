//! The one file that knows there are two drivers.

use super::{
    error::Error,
    meter::{Meter, PoolCounts},
    spare::{Lent, Spare},
    statement::{Args, Row, Sql, expand},
    wire::{self, Driver as _},
    writer::{Unit, Writer},
};
use sqlx::{
    Executor, FromRow, MySql, MySqlConnection, SqlSafeStr, SqlStr, Sqlite, SqliteConnection,
    mysql::{MySqlArguments, MySqlRow},
    sqlite::{SqliteArguments, SqliteRow},
};
use std::{sync::Arc, time::Duration};
use tracing::Span;

/// A database: MySQL or MariaDB with its pool, or SQLite with many readers and one writer.
#[derive(Debug, Clone)]
pub enum Database {
    /// MySQL or MariaDB.
    MySql {
        /// Connections for everything.
        pool: Spare<MySql>,
        /// Connections for callbacks alone: they are stored however busy the others are.
        callbacks: Spare<MySql>,
        /// How it is used.
        meter: Arc<Meter>,
    },
    /// SQLite.
    Sqlite {
        /// Connections that cannot write.
        readers: Spare<Sqlite>,
        /// The one that writes.
        writer: Writer,
        /// How it is used.
        meter: Arc<Meter>,
    },
}

/// A conversation with the database: a connection for reading, or a transaction for writing, which is undone
/// unless [`Session::commit`] returns `Ok`. The span is as long as it.
#[derive(Debug)]
pub struct Session(Link, Span);

#[derive(Debug)]
enum Link {
    MySqlRead(Lent<MySql>),
    MySqlWrite(Lent<MySql>),
    SqliteRead(Lent<Sqlite>),
    SqliteWrite(Unit, Later),
}

/// Statements of SQLite that are put off: they take one trip to the driver's thread together, which costs as much as most of
/// them do.
#[derive(Debug, Default)]
struct Later {
    text: String,
    values: SqliteArguments,
    statements: usize,
    /// One of them failed, and some of them are not done: nothing of the session may last.
    spoilt: bool,
}

enum Wire<'a> {
    MySql(&'a mut MySqlConnection),
    Sqlite(&'a mut SqliteConnection),
}

impl Database {
    /// A connection for reading. What was acknowledged before is seen.
    pub async fn read(&self) -> Result<Session, Error> {
        let span = tracing::debug_span!("data.read", otel.kind = "client", db.system = self.dialect());
        let _turn = self.meter().begin();
        let link = match self {
            Self::MySql { pool, .. } => plain(pool).await.map(Link::MySqlRead),
            Self::Sqlite { readers, .. } => readers.acquire(false).await.map(Link::SqliteRead),
        };
        link.map(|link| Session(link, span)).map_err(Error::of("data::read"))
    }
    /// A transaction for writing.
    pub async fn write(&self) -> Result<Session, Error> {
        let span = tracing::debug_span!("data.write", otel.kind = "client", db.system = self.dialect());
        let _turn = self.meter().begin();
        match self {
            Self::MySql { pool, .. } => begin(pool).await.map(Link::MySqlWrite).map_err(Error::of("data::write")),
            Self::Sqlite { writer, .. } => writer.begin().await.map(|unit| Link::SqliteWrite(unit, Later::default())),
        }
        .map(|link| Session(link, span))
    }
    /// A connection for one statement that writes and lasts by itself, of those kept for callbacks. Commit it all the
    /// same: SQLite knows no other way.
    pub async fn alone(&self) -> Result<Session, Error> {
        match self {
            Self::MySql { callbacks, meter, .. } => {
                let span = tracing::debug_span!("data.alone", otel.kind = "client", db.system = self.dialect());
                let _turn = meter.begin();
                let link = plain(callbacks).await.map(Link::MySqlRead);
                link.map(|link| Session(link, span)).map_err(Error::of("data::alone"))
            }
            Self::Sqlite { .. } => self.write().await,
        }
    }
    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut session = match self {
            // Of those kept for callbacks: a node whose others are all busy is well.
            Self::MySql { .. } => self.alone().await?,
            Self::Sqlite { .. } => self.read().await?,
        };
        session.execute(PING, ()).await.map(drop)
    }
    /// `mysql` or `sqlite`.
    pub const fn dialect(&self) -> &'static str {
        match self {
            Self::MySql { .. } => "mysql",
            Self::Sqlite { .. } => "sqlite",
        }
    }
    /// How it is used.
    pub fn meter(&self) -> &Meter {
        match self {
            Self::MySql { meter, .. } | Self::Sqlite { meter, .. } => meter,
        }
    }
    /// How its connections are doing, by pool.
    pub fn pools(&self) -> Vec<PoolCounts> {
        match self {
            Self::MySql { pool, callbacks, .. } => {
                vec![pool.counts("requests"), callbacks.counts("callbacks")]
            }
            Self::Sqlite { readers, .. } => vec![readers.counts("readers")],
        }
    }
    /// Finish what is under way and let go of all connections.
    pub async fn close(&self) {
        match self {
            Self::MySql { pool, callbacks, .. } => {
                // A connection that a dropped statement left in disorder never says goodbye; the process ends without it.
                let both = futures_util::future::join(pool.close(), callbacks.close());
                if tokio::time::timeout(CLOSE_PATIENCE, both).await.is_err() {
                    tracing::warn!("connections to the database did not close in time");
                }
            }
            Self::Sqlite { readers, writer, .. } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

/// Longer than a connection may take on its way back to the pool.
const CLOSE_PATIENCE: Duration = Duration::from_secs(8);

const PING: Sql = Sql { name: "data::PING", mysql: "SELECT 1", sqlite: "SELECT 1" };

/// A connection on which each statement lasts by itself.
async fn plain(pool: &Spare<MySql>) -> Result<Lent<MySql>, sqlx::Error> {
    let mut link = pool.acquire(false).await?;
    if link.in_transaction() {
        link.connection().execute("ROLLBACK").await?;
        link.settle(false);
    }
    Ok(link)
}

/// A connection with a transaction begun. sqlx's own `begin()` would give it back only by way of the pool.
async fn begin(pool: &Spare<MySql>) -> Result<Lent<MySql>, sqlx::Error> {
    let mut link = pool.acquire(true).await?;
    if !link.in_transaction() {
        link.connection().execute("BEGIN").await?;
    }
    Ok(link)
}

/// One body for both drivers: `$call` with the text, the values and the wire of the driver at hand.
macro_rules! on_wire {
    ($session:expr, $sql:expr, $args:expr, |$text:ident, $values:ident, $wire:ident| $call:expr) => {{
        let (sql, args) = ($sql, $args);
        let repeats = args.repeats();
        $session.catch_up().await?;
        let done = match $session.wire() {
            Wire::MySql($wire) => {
                let mut $values = MySqlArguments::default();
                let $text = written(sql.mysql, repeats);
                match args.mysql(&mut $values) {
                    Ok(()) => $call.map_err(Error::of(sql.name)),
                    Err(error) => Err(Error::of(sql.name)(sqlx::Error::Encode(error))),
                }
            }
            Wire::Sqlite($wire) => {
                let mut $values = SqliteArguments::default();
                let $text = written(sql.sqlite, repeats);
                match args.sqlite(&mut $values) {
                    Ok(()) => $call.map_err(Error::of(sql.name)),
                    Err(error) => Err(Error::of(sql.name)(sqlx::Error::Encode(error))),
                }
            }
        };
        $session.heard(&done);
        done
    }};
}

impl Session {
    fn wire(&mut self) -> Wire<'_> {
        match &mut self.0 {
            Link::MySqlRead(link) | Link::MySqlWrite(link) => Wire::MySql(link.connection()),
            Link::SqliteRead(link) => Wire::Sqlite(link.connection()),
            Link::SqliteWrite(unit, _) => Wire::Sqlite(unit.connection()),
        }
    }
    /// Whether a statement was answered: what commits by itself has left nothing open then.
    fn heard<T>(&mut self, outcome: &Result<T, Error>) {
        let refused = outcome.as_ref().is_err_and(Error::is_answer);
        match &mut self.0 {
            Link::MySqlRead(link) if outcome.is_ok() => link.settle(false),
            Link::SqliteRead(link) if outcome.is_ok() => link.settle(false),
            Link::MySqlRead(link) | Link::MySqlWrite(link) if outcome.is_ok() || refused => link.answered(),
            _ => {}
        }
    }
    /// At most one row.
    pub async fn optional<'q, T: Row>(&mut self, sql: Sql, args: impl Args<'q>) -> Result<Option<T>, Error> {
        enum Found {
            MySql(Option<MySqlRow>),
            Sqlite(Option<SqliteRow>),
        }
        // The query itself is compiled once for all row types; only `from_row` is not.
        async fn found<'q>(session: &mut Session, sql: Sql, args: impl Args<'q>) -> Result<Found, Error> {
            on_wire!(session, sql, args, |text, values, wire| { wire.first(text, values).await.map(Into::into) })
        }
        impl From<Option<MySqlRow>> for Found {
            fn from(row: Option<MySqlRow>) -> Self {
                Self::MySql(row)
            }
        }
        impl From<Option<SqliteRow>> for Found {
            fn from(row: Option<SqliteRow>) -> Self {
                Self::Sqlite(row)
            }
        }
        match found(self, sql, args).await? {
            Found::MySql(row) => row.as_ref().map(T::from_row).transpose(),
            Found::Sqlite(row) => row.as_ref().map(T::from_row).transpose(),
        }
        .map_err(Error::of(sql.name))
    }
    /// The first column of the one row that a count or a sum always gives.
    pub async fn number<'q>(&mut self, sql: Sql, args: impl Args<'q>) -> Result<i64, Error> {
        let row = self.optional::<(Option<i64>,)>(sql, args).await?;
        Ok(row.and_then(|(number,)| number).unwrap_or(0))
    }
    /// Every row.
    pub async fn all<'q, T: Row>(&mut self, sql: Sql, args: impl Args<'q>) -> Result<Vec<T>, Error> {
        on_wire!(self, sql, args, |text, values, wire| {
            let rows = wire.rows(text, values).await;
            rows.and_then(|rows| rows.iter().map(FromRow::from_row).collect())
        })
    }
    /// How many rows the statement matched, on both databases also when nothing changed in them.
    pub async fn execute<'q>(&mut self, sql: Sql, args: impl Args<'q>) -> Result<u64, Error> {
        on_wire!(self, sql, args, |text, values, wire| { wire.matched(text, values).await })
    }
    /// Run it before any other statement and before the commit; nobody is told how many rows it matched. On SQLite what is put off
    /// so goes together. A unique value that is already taken is a race that was lost ([`Error::Contended`]), which may only
    /// show later.
    pub async fn execute_later<'q>(&mut self, sql: Sql, args: impl Args<'q>) -> Result<(), Error> {
        let Link::SqliteWrite(_, later) = &mut self.0 else {
            return self.execute(sql, args).await.map(drop).map_err(Error::into_contended);
        };
        let text = written(sql.sqlite, args.repeats());
        args.sqlite(&mut later.values).map_err(|error| Error::of(sql.name)(sqlx::Error::Encode(error)))?;
        later.text.push_str(text.as_str());
        later.text.push(';');
        later.statements += 1;
        Ok(())
    }
    /// Run what was put off.
    async fn catch_up(&mut self) -> Result<(), Error> {
        let Link::SqliteWrite(unit, later) = &mut self.0 else { return Ok(()) };
        if later.spoilt {
            return Err(Error::of(LATER)(sqlx::Error::Protocol("what was put off had failed".to_owned())));
        }
        if later.statements == 0 {
            return Ok(());
        }
        let Later { text, values, statements, .. } = std::mem::take(later);
        // Until it was answered: a future that is dropped here has done nobody knows how much.
        later.spoilt = true;
        let done = wire::listen(unit.connection(), constant(text), values, statements).await;
        done.map_err(Error::of(LATER)).map_err(Error::into_contended)?;
        later.spoilt = false;
        Ok(())
    }
    /// Insert; `false` when a unique value is already taken. The transaction goes on in both cases.
    pub async fn insert_new<'q>(&mut self, sql: Sql, args: impl Args<'q>) -> Result<bool, Error> {
        match self.execute(sql, args).await {
            Ok(_) => Ok(true),
            Err(Error::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
    /// Ask the database whether it would accept the statement.
    pub async fn prepare(&mut self, sql: Sql) -> Result<(), Error> {
        self.prepare_for(sql, 2).await
    }
    /// The same for a statement that is repeated so often.
    pub(super) async fn prepare_for(&mut self, sql: Sql, repeats: usize) -> Result<(), Error> {
        match self.wire() {
            Wire::MySql(wire) => wire.prepare(written(sql.mysql, repeats)).await.map(drop),
            Wire::Sqlite(wire) => wire.prepare(written(sql.sqlite, repeats)).await.map(drop),
        }
        .map_err(Error::of(sql.name))
    }
    /// Run several statements of our own without values.
    pub(super) async fn script(&mut self, text: SqlStr) -> Result<(), Error> {
        match self.wire() {
            Wire::MySql(wire) => wire.execute(sqlx::raw_sql(text)).await.map(drop),
            Wire::Sqlite(wire) => wire.execute(sqlx::raw_sql(text)).await.map(drop),
        }
        .map_err(Error::of("data::script"))
    }
    /// Make it last, as [`commit`](Self::commit) does; gives it back where it can be used again at once.
    pub(super) async fn finish(self) -> Result<Option<Self>, Error> {
        match self.0 {
            Link::MySqlRead(link) => Ok(Some(Self(Link::MySqlRead(link), self.1))),
            link => Self(link, self.1).commit().await.map(|()| None),
        }
    }
    /// Close the connection without a word: nobody listens at its other end.
    pub(super) fn discard(self) {
        if let Link::MySqlRead(link) = self.0 {
            link.discard();
        }
    }
    /// Make it last. Only an `Ok` from here may be acknowledged; an error here means that nobody knows.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.catch_up().await?;
        match self.0 {
            Link::MySqlWrite(mut link) => {
                link.connection().execute("COMMIT AND CHAIN").await.map_err(Error::of("data::commit"))?;
                link.settle(true);
                Ok(())
            }
            Link::SqliteWrite(unit, _) => unit.commit().await,
            Link::MySqlRead(_) | Link::SqliteRead(_) => Ok(()),
        }
    }
}

/// What errors call statements that were put off; the driver's own text names the table.
const LATER: &str = "data::later";

/// The text, with its repeated part written out. The parts come from constants only.
fn written(text: &'static str, repeats: usize) -> SqlStr {
    match expand(text, repeats) {
        Some(longer) => constant(longer),
        None => text.into_sql_str(),
    }
}

/// A text that was put together from constants of this crate.
#[expect(clippy::disallowed_methods, reason = "its parts are constants of this crate; nothing of a caller's is in it")]
fn constant(text: String) -> SqlStr {
    sqlx::AssertSqlSafe(text).into_sql_str()
}
