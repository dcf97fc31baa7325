//! What each driver does with one statement.

use futures_util::TryStreamExt as _;
use sqlx::{
    Either, Executor, MySqlConnection, SqlStr, SqliteConnection,
    mysql::{MySqlArguments, MySqlRow},
    sqlite::{SqliteArguments, SqliteRow},
};
use std::future::Future;

/// A connection, as a session uses it.
pub(super) trait Driver {
    type Values;
    type Row;
    /// The first row.
    fn first(
        &mut self,
        text: SqlStr,
        values: Self::Values,
    ) -> impl Future<Output = sqlx::Result<Option<Self::Row>>> + Send;
    /// Every row.
    fn rows(&mut self, text: SqlStr, values: Self::Values)
    -> impl Future<Output = sqlx::Result<Vec<Self::Row>>> + Send;
    /// How many rows it matched.
    fn matched(&mut self, text: SqlStr, values: Self::Values) -> impl Future<Output = sqlx::Result<u64>> + Send;
}

impl Driver for MySqlConnection {
    type Values = MySqlArguments;
    type Row = MySqlRow;
    async fn first(&mut self, text: SqlStr, values: MySqlArguments) -> sqlx::Result<Option<MySqlRow>> {
        self.fetch_optional(sqlx::query_with(text, values)).await
    }
    async fn rows(&mut self, text: SqlStr, values: MySqlArguments) -> sqlx::Result<Vec<MySqlRow>> {
        self.fetch_all(sqlx::query_with(text, values)).await
    }
    async fn matched(&mut self, text: SqlStr, values: MySqlArguments) -> sqlx::Result<u64> {
        self.execute(sqlx::query_with(text, values)).await.map(|done| done.rows_affected())
    }
}

impl Driver for SqliteConnection {
    type Values = SqliteArguments;
    type Row = SqliteRow;
    async fn first(&mut self, text: SqlStr, values: SqliteArguments) -> sqlx::Result<Option<SqliteRow>> {
        self.fetch_optional(sqlx::query_with(text, values)).await
    }
    async fn rows(&mut self, text: SqlStr, values: SqliteArguments) -> sqlx::Result<Vec<SqliteRow>> {
        listen(self, text, values, 1).await.map(|(rows, _)| rows)
    }
    async fn matched(&mut self, text: SqlStr, values: SqliteArguments) -> sqlx::Result<u64> {
        listen(self, text, values, 1).await.map(|(_, matched)| matched)
    }
}

/// Run so many statements, which are one text, and listen until the last is done.
///
/// The driver's thread sends word of each, and then that it has no more to say. That last word wakes the task once more, at the
/// price of two switches between threads, which is what a small statement costs as a whole: it is not waited for.
pub(super) async fn listen(
    connection: &mut SqliteConnection,
    text: SqlStr,
    values: SqliteArguments,
    statements: usize,
) -> sqlx::Result<(Vec<SqliteRow>, u64)> {
    let mut words = connection.fetch_many(sqlx::query_with(text, values));
    let (mut rows, mut matched, mut done) = (Vec::new(), 0, 0);
    while done < statements
        && let Some(word) = words.try_next().await?
    {
        match word {
            Either::Right(row) => rows.push(row),
            Either::Left(end) => (matched, done) = (matched + end.rows_affected(), done + 1),
        }
    }
    Ok((rows, matched))
}
