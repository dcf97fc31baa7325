//! One connection to a database of either dialect, for statements whose tables are known only when they run.

use super::{CHUNK, Digest, Table, cell::Cell, shape::Sort};
use crate::data::{Error, open};
use sqlx::{
    Arguments as _, ConnectOptions as _, Connection as _, Executor as _, MySqlConnection, Row, SqlSafeStr as _, SqlStr,
    SqliteConnection,
    mysql::{MySqlArguments, MySqlRow},
    sqlite::{SqliteArguments, SqliteRow},
};

/// The values for a statement, in the list of the driver at hand.
macro_rules! bound {
    ($list:ty, $values:expr) => {{
        let mut list = <$list>::default();
        for value in $values {
            match value {
                Cell::Null => list.add(None::<i64>),
                Cell::Integer(number) => list.add(number),
                Cell::Text(text) => list.add(text),
                Cell::Bytes(bytes) => list.add(bytes),
            }
            .map_err(|error| Error::of(NAME)(sqlx::Error::Encode(error)))?;
        }
        list
    }};
}

const NAME: &str = "data::transfer";

/// The connection.
#[derive(Debug)]
pub(super) enum Link {
    MySql(MySqlConnection),
    Sqlite(SqliteConnection),
}

/// Which it is.
pub(super) enum Wire<'a> {
    MySql(&'a mut MySqlConnection),
    Sqlite(&'a mut SqliteConnection),
}

impl Link {
    /// To a database that is there.
    pub(super) async fn open(url: &str) -> Result<Self, Error> {
        if url.starts_with("sqlite:") {
            let options = open::sqlite_options(url)?.create_if_missing(false);
            options.connect().await.map(Self::Sqlite).map_err(Error::of(NAME))
        } else {
            open::mysql_options(url)?.connect().await.map(Self::MySql).map_err(Error::of(NAME))
        }
    }

    pub(super) fn wire(&mut self) -> Wire<'_> {
        match self {
            Self::MySql(wire) => Wire::MySql(wire),
            Self::Sqlite(wire) => Wire::Sqlite(wire),
        }
    }

    /// Statements without values.
    pub(super) async fn script(&mut self, text: String) -> Result<(), Error> {
        let text = sqlx::raw_sql(ours(text));
        match self.wire() {
            Wire::MySql(wire) => wire.execute(text).await.map(drop),
            Wire::Sqlite(wire) => wire.execute(text).await.map(drop),
        }
        .map_err(Error::of(NAME))
    }

    /// Every row, each with columns of these sorts.
    pub(super) async fn rows(
        &mut self,
        text: String,
        values: Vec<Cell>,
        sorts: &[Sort],
    ) -> Result<Vec<Vec<Cell>>, Error> {
        match self.wire() {
            Wire::MySql(wire) => {
                let rows = wire.fetch_all(sqlx::query_with(ours(text), bound!(MySqlArguments, values))).await;
                rows.and_then(|rows| rows.iter().map(|row| mysql_row(row, sorts)).collect())
            }
            Wire::Sqlite(wire) => {
                let rows = wire.fetch_all(sqlx::query_with(ours(text), bound!(SqliteArguments, values))).await;
                rows.and_then(|rows| rows.iter().map(|row| sqlite_row(row, sorts)).collect())
            }
        }
        .map_err(Error::of(NAME))
    }

    /// Run a statement with values.
    pub(super) async fn execute(&mut self, text: String, values: Vec<Cell>) -> Result<(), Error> {
        match self.wire() {
            Wire::MySql(wire) => {
                wire.execute(sqlx::query_with(ours(text), bound!(MySqlArguments, values))).await.map(drop)
            }
            Wire::Sqlite(wire) => {
                wire.execute(sqlx::query_with(ours(text), bound!(SqliteArguments, values))).await.map(drop)
            }
        }
        .map_err(Error::of(NAME))
    }

    /// The rows of a table after this key.
    pub(super) async fn chunk(
        &mut self,
        table: &Table,
        after: Option<&[Cell]>,
        rows: usize,
    ) -> Result<Vec<Vec<Cell>>, Error> {
        let (text, values) = table.chunk(after, rows);
        let sorts: Vec<_> = table.columns.iter().map(|(_, sort)| *sort).collect();
        self.rows(text, values, &sorts).await
    }

    /// What a table holds; `read` hears how many rows each chunk had.
    pub(super) async fn digest(&mut self, table: &Table, mut read: impl FnMut(u64)) -> Result<Digest, Error> {
        let (mut digest, mut last) = (Digest::default(), None);
        loop {
            let rows = self.chunk(table, last.as_deref(), CHUNK).await?;
            let Some(end) = rows.last() else { return Ok(digest) };
            last = Some(table.key_of(end));
            for row in &rows {
                digest.add(row);
            }
            read(rows.len() as u64);
        }
    }

    /// How many rows a table has.
    pub(super) async fn count(&mut self, table: &Table) -> Result<u64, Error> {
        let text = format!("SELECT COUNT(*) FROM `{}`", table.name);
        let rows = self.rows(text, Vec::new(), &[Sort::Integer]).await?;
        match rows.first().and_then(|row| row.first()) {
            Some(Cell::Integer(count)) => Ok(u64::try_from(*count).unwrap_or(0)),
            _ => Ok(0),
        }
    }

    pub(super) async fn close(self) {
        match self {
            Self::MySql(link) => drop(link.close().await),
            Self::Sqlite(link) => drop(link.close().await),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "names of tables and columns come from the schema that our migrations made; every value is bound"
)]
fn ours(text: String) -> SqlStr {
    sqlx::AssertSqlSafe(text).into_sql_str()
}

// Unchecked: a TINYINT(1) is a number here, and a text is one whatever its length.
fn mysql_row(row: &MySqlRow, sorts: &[Sort]) -> Result<Vec<Cell>, sqlx::Error> {
    let cell = |(place, sort): (usize, &Sort)| {
        Ok(match sort {
            Sort::Integer => row.try_get_unchecked::<Option<i64>, _>(place)?.map(Cell::Integer),
            Sort::Text => row.try_get_unchecked::<Option<String>, _>(place)?.map(Cell::Text),
            Sort::Bytes => row.try_get_unchecked::<Option<Vec<u8>>, _>(place)?.map(Cell::Bytes),
        }
        .unwrap_or(Cell::Null))
    };
    sorts.iter().enumerate().map(cell).collect()
}

fn sqlite_row(row: &SqliteRow, sorts: &[Sort]) -> Result<Vec<Cell>, sqlx::Error> {
    let cell = |(place, sort): (usize, &Sort)| {
        Ok(match sort {
            Sort::Integer => row.try_get_unchecked::<Option<i64>, _>(place)?.map(Cell::Integer),
            Sort::Text => row.try_get_unchecked::<Option<String>, _>(place)?.map(Cell::Text),
            Sort::Bytes => row.try_get_unchecked::<Option<Vec<u8>>, _>(place)?.map(Cell::Bytes),
        }
        .unwrap_or(Cell::Null))
    };
    sorts.iter().enumerate().map(cell).collect()
}
