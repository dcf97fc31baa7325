//! The rows of the database under test, past the application's rules: to look at them, and to spoil them on purpose.

use super::{
    app::TestApp,
    rows::{dump, same},
};
use std::collections::BTreeMap;
use weizhan::data::Database;

/// The rows of a test's database. A statement has no braces: they mark what is repeated.
pub struct Rows(Database);

impl Rows {
    /// Change rows; how many were meant.
    pub async fn execute(&self, text: &str) -> u64 {
        assert!(!text.contains('{'), "{text}");
        let mut session = self.0.write().await.expect("write");
        let meant =
            session.execute(same(text.to_owned()), ()).await.unwrap_or_else(|error| panic!("{text}: {error:?}"));
        session.commit().await.expect("commit");
        meant
    }

    /// A column of numbers.
    pub async fn numbers(&self, text: &str) -> Vec<i64> {
        let rows: Vec<(i64,)> = self.0.read().await.expect("read").all(same(text.to_owned()), ()).await.expect(text);
        rows.into_iter().map(|(number,)| number).collect()
    }

    /// A column of texts.
    pub async fn texts(&self, text: &str) -> Vec<String> {
        let rows: Vec<(String,)> = self.0.read().await.expect("read").all(same(text.to_owned()), ()).await.expect(text);
        rows.into_iter().map(|(text,)| text).collect()
    }

    /// Every row of every table.
    pub async fn dump(&self) -> BTreeMap<String, Vec<String>> {
        dump(&self.0).await
    }
}

impl TestApp {
    /// Its rows.
    pub fn rows(&self) -> Rows {
        Rows(self.app.database.clone())
    }

    /// One number from the rows.
    pub async fn number(&self, text: &str) -> i64 {
        let numbers = self.rows().numbers(text).await;
        assert_eq!(numbers.len(), 1, "{text}");
        numbers[0]
    }

    /// Change exactly one row behind the application's back.
    pub async fn spoil(&self, text: &str) {
        assert_eq!(self.rows().execute(text).await, 1, "{text}");
    }
}
