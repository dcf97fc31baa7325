//! The rows of the database under test, past the application: to look at them, and to spoil them on purpose.

use super::app::TestApp;
use sqlx::{Connection, MySqlConnection, SqliteConnection};
use std::collections::BTreeMap;

/// A connection of its own to the database of a test.
pub enum Rows {
    /// MySQL or MariaDB.
    MySql(MySqlConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// Tests put their statements together; each is kept to the end of the process.
fn kept(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

impl Rows {
    /// Change rows; how many were meant.
    pub async fn execute(&mut self, text: &str) -> u64 {
        let text = kept(text);
        match self {
            Self::MySql(link) => sqlx::query(text).execute(link).await.map(|done| done.rows_affected()),
            Self::Sqlite(link) => sqlx::query(text).execute(link).await.map(|done| done.rows_affected()),
        }
        .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// A column of numbers.
    pub async fn numbers(&mut self, text: &str) -> Vec<i64> {
        let text = kept(text);
        match self {
            Self::MySql(link) => sqlx::query_scalar(text).fetch_all(link).await,
            Self::Sqlite(link) => sqlx::query_scalar(text).fetch_all(link).await,
        }
        .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// A column of texts.
    pub async fn texts(&mut self, text: &str) -> Vec<String> {
        let text = kept(text);
        match self {
            Self::MySql(link) => sqlx::query_scalar(text).fetch_all(link).await,
            Self::Sqlite(link) => sqlx::query_scalar(text).fetch_all(link).await,
        }
        .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// Every table with something that differs as soon as a value in it does: its rows, or the server's checksum.
    pub async fn fingerprint(&mut self) -> BTreeMap<String, String> {
        let tables = match self {
            Self::MySql(_) => {
                "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = DATABASE()"
            }
            Self::Sqlite(_) => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        };
        let mut prints = BTreeMap::new();
        for table in self.texts(tables).await {
            let print = self.fingerprint_of(&table).await;
            prints.insert(table, print);
        }
        assert!(prints.len() >= 20, "where are the tables?");
        prints
    }

    async fn fingerprint_of(&mut self, table: &str) -> String {
        if let Self::MySql(link) = self {
            let row: (String, Option<i64>) =
                sqlx::query_as(kept(&format!("CHECKSUM TABLE `{table}`"))).fetch_one(link).await.expect("checksum");
            return format!("{:?}", row.1);
        }
        let columns = self.texts(&format!("SELECT name FROM pragma_table_info('{table}')")).await;
        let values: Vec<_> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
        let rows = format!("SELECT {} AS row FROM \"{table}\" ORDER BY 1", values.join(" || ',' || "));
        self.texts(&rows).await.join("\n")
    }
}

impl TestApp {
    /// Its rows.
    pub async fn rows(&self) -> Rows {
        let url = self.app.config.database.url.expose();
        if url.starts_with("sqlite:") {
            Rows::Sqlite(SqliteConnection::connect(url).await.expect("the file of the test"))
        } else {
            Rows::MySql(MySqlConnection::connect(url).await.expect("the database of the test"))
        }
    }

    /// One number from the rows.
    pub async fn number(&self, text: &str) -> i64 {
        let numbers = self.rows().await.numbers(text).await;
        assert_eq!(numbers.len(), 1, "{text}");
        numbers[0]
    }

    /// Change exactly one row behind the application's back.
    pub async fn spoil(&self, text: &str) {
        assert_eq!(self.rows().await.execute(text).await, 1, "{text}");
    }
}
