//! What can go wrong with rows. Every error knows the statement it came from.

use sqlx::mysql::MySqlDatabaseError;

/// A failure of the database. The source is kept for the log and not printed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique value is already taken.
    #[error("{statement}: a unique value is already taken")]
    Conflict {
        /// Name of the statement.
        statement: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// Another writer was in the way; the whole unit may be run again.
    #[error("{statement}: another writer was in the way")]
    Contended {
        /// Name of the statement.
        statement: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// The database did not answer in time or is away.
    #[error("{statement}: the database is not available")]
    Unavailable {
        /// Name of the statement.
        statement: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// A row that cannot be.
    #[error("{table}.{column} of row {row} cannot be")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// Which row.
        row: String,
    },
    /// The database is set up so that promises would be broken.
    #[error("{0}")]
    Unfit(String),
    /// Anything else: a fault of ours.
    #[error("{statement}: the database failed")]
    Driver {
        /// Name of the statement.
        statement: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
}

impl Error {
    /// Sorts a driver's error; for `map_err`.
    pub(super) fn of(statement: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| match Sort::of(&source) {
            Sort::Conflict => Self::Conflict { statement, source },
            Sort::Contended => Self::Contended { statement, source },
            Sort::Unavailable => Self::Unavailable { statement, source },
            Sort::Driver => Self::Driver { statement, source },
        }
    }
    /// Whether this is what the database said, and not that it said nothing.
    pub(super) fn is_answer(&self) -> bool {
        let source = match self {
            Self::Conflict { source, .. }
            | Self::Contended { source, .. }
            | Self::Unavailable { source, .. }
            | Self::Driver { source, .. } => source,
            Self::Corrupt { .. } | Self::Unfit(_) => return false,
        };
        matches!(source, sqlx::Error::Database(_))
    }
    /// A unique value that nobody expected to be taken was taken by another: the unit may be run again.
    pub(super) fn into_contended(self) -> Self {
        match self {
            Self::Conflict { statement, source } => Self::Contended { statement, source },
            other => other,
        }
    }
    /// Whether running the whole unit again may help at once.
    pub fn is_contended(&self) -> bool {
        matches!(self, Self::Contended { .. })
    }
    /// Whether the caller may come back in a moment.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Contended { .. } | Self::Unavailable { .. })
    }
}

enum Sort {
    Conflict,
    Contended,
    Unavailable,
    Driver,
}

impl Sort {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Conflict,
            sqlx::Error::Database(database) => {
                if let Some(mysql) = database.try_downcast_ref::<MySqlDatabaseError>() {
                    return match mysql.number() {
                        // Deadlock, lock wait, record changed since the snapshot.
                        1213 | 1205 | 1020 => Self::Contended,
                        // Too many connections, shutting down, read only, killed.
                        1040 | 1053 | 1290 | 1836 | 1927 => Self::Unavailable,
                        _ => Self::Driver,
                    };
                }
                // The low byte of an extended SQLite code is the code: 5 busy, 6 locked.
                match database.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
                    Some(5 | 6) => Self::Contended,
                    _ => Self::Driver,
                }
            }
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unavailable
            }
            _ => Self::Driver,
        }
    }
}
