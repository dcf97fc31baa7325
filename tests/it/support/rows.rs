//! All rows of a database, whatever its tables are: for tests that say what must not change, or must not be there.

use std::collections::BTreeMap;
use weizhan::data::{Database, Sql};

/// A statement of a test, whose text is made while it runs.
pub fn sql(mysql: String, sqlite: String) -> Sql {
    Sql { name: "test", mysql: mysql.leak(), sqlite: sqlite.leak() }
}

/// A statement that both dialects read the same way.
pub fn same(text: String) -> Sql {
    let text: &'static str = text.leak();
    Sql { name: "test", mysql: text, sqlite: text }
}

/// The tables, in order.
pub async fn tables(database: &Database) -> Vec<String> {
    let names = sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name".into(),
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name".into(),
    );
    let rows: Vec<(String,)> = database.read().await.unwrap().all(names, ()).await.unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

/// The columns of a table, in order.
pub async fn columns(database: &Database, table: &str) -> Vec<String> {
    let names = sql(
        format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() \
             AND table_name = '{table}' ORDER BY ordinal_position"
        ),
        format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid"),
    );
    let rows: Vec<(String,)> = database.read().await.unwrap().all(names, ()).await.unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

/// Every row of every table as text, bytes in hexadecimal; each table's rows in order.
pub async fn dump(database: &Database) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for table in tables(database).await {
        let columns = columns(database, &table).await;
        let shown: Vec<_> = columns.iter().map(|name| format!("COALESCE(HEX({name}), '-')")).collect();
        let text = same(format!("SELECT CONCAT_WS(' ', {}) FROM {table}", shown.join(", ")));
        let rows: Vec<(String,)> = database.read().await.unwrap().all(text, ()).await.unwrap();
        let mut rows: Vec<_> = rows.into_iter().map(|(row,)| row).collect();
        rows.sort();
        all.insert(table, rows);
    }
    all
}

/// The tables whose rows differ between two dumps.
pub fn changed(before: &BTreeMap<String, Vec<String>>, after: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    after.iter().filter(|(table, rows)| before.get(*table) != Some(rows)).map(|(table, _)| table.clone()).collect()
}

/// The tables in which these bytes occur.
pub async fn tables_with(database: &Database, bytes: &[u8]) -> Vec<String> {
    let wanted = hex::encode_upper(bytes);
    let all = dump(database).await;
    all.into_iter().filter(|(_, rows)| rows.iter().any(|row| row.contains(&wanted))).map(|(table, _)| table).collect()
}
