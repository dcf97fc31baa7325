//! Both folders of migrations build the same: tables, columns, what may be null, keys. SQLite is asked what it built;
//! MariaDB too where it is at hand, otherwise its texts are read.

use super::file;
use crate::support::{app::TestApp, rows};
use std::collections::{BTreeMap, BTreeSet};
use weizhan::{
    config::Secret,
    data::{Database, Sql},
};

/// A table as both dialects can be told apart by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Name, sort of value (`INTEGER`, `TEXT`, `BLOB`), whether it may be null; in order.
    columns: Vec<(String, &'static str, bool)>,
    /// Name, whether it is unique, columns. The primary key is called `PRIMARY`.
    keys: BTreeMap<String, (bool, Vec<String>)>,
}

type Tables = BTreeMap<String, Table>;

fn sort_of(kind: &str) -> &'static str {
    let word: String = kind.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_ascii_uppercase();
    match word.as_str() {
        "BIGINT" | "BOOLEAN" | "TINYINT" | "INTEGER" => "INTEGER",
        "VARCHAR" | "TEXT" | "MEDIUMTEXT" => "TEXT",
        "BLOB" | "VARBINARY" => "BLOB",
        other => panic!("{other} is not among the portable types"),
    }
}

/// The names of the files in a folder of migrations.
fn names(dialect: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(file(&format!("migrations/{dialect}"))).expect("migrations");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

fn text_of(dialect: &str, name: &str) -> String {
    std::fs::read_to_string(file(&format!("migrations/{dialect}/{name}"))).expect("a migration")
}

fn words_in_brackets(text: &str) -> Vec<String> {
    let inside = text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(inside, _)| inside);
    inside.split(',').map(|word| word.trim().to_owned()).collect()
}

/// The tables as the MySQL texts describe them: one `CREATE TABLE`, `ALTER TABLE` or `CREATE INDEX` a file, one column or key a line.
fn written() -> Tables {
    let mut tables = Tables::new();
    for name in names("mysql") {
        let text = text_of("mysql", &name);
        let lines = text.lines().filter(|line| !line.starts_with("--"));
        let mut table: Option<(String, Table)> = None;
        for line in lines.map(|line| line.trim().trim_end_matches([',', ';'])) {
            let line = line.strip_prefix("ADD COLUMN ").or(line.strip_prefix("ADD ")).unwrap_or(line);
            let words: Vec<_> = line.split_whitespace().collect();
            match (words.as_slice(), &mut table) {
                (["ALTER", "TABLE", name], place) => {
                    *place = Some(((*name).to_owned(), tables.remove(*name).expect("a table that is there")));
                }
                (["CREATE", "TABLE", name, "("], place) => *place = Some(((*name).to_owned(), Table::default())),
                (["PRIMARY", "KEY", ..], Some((_, table))) => {
                    table.keys.insert("PRIMARY".to_owned(), (true, words_in_brackets(line)));
                }
                (["UNIQUE", "KEY", key, ..], Some((_, table))) => {
                    table.keys.insert((*key).to_owned(), (true, words_in_brackets(line)));
                }
                (["KEY", key, ..], Some((_, table))) => {
                    table.keys.insert((*key).to_owned(), (false, words_in_brackets(line)));
                }
                (["CREATE", "INDEX", key, "ON", name, ..], None) => {
                    let table = tables.get_mut(*name).expect("a table of an earlier file");
                    table.keys.insert((*key).to_owned(), (false, words_in_brackets(line)));
                }
                ([")", ..], Some(_)) => {
                    assert!(line.contains("COLLATE = utf8mb4_bin"), "{name} has another collation");
                    tables.extend(table.take());
                }
                ([column, kind, null @ ..], Some((_, table))) => {
                    let nullable = match null {
                        ["NULL"] => true,
                        ["NOT", "NULL"] | ["NOT", "NULL", "DEFAULT", _] => false,
                        other => panic!("{name}: {column} must say NULL or NOT NULL and no more, not {other:?}"),
                    };
                    table.columns.push(((*column).to_owned(), sort_of(kind), nullable));
                }
                _ => {}
            }
        }
        // An `ALTER TABLE` has no bracket that closes it.
        tables.extend(table.take());
    }
    tables
}

async fn ask<T: weizhan::data::Row>(database: &Database, sql: Sql) -> Vec<T> {
    database.read().await.unwrap().all(sql, ()).await.unwrap()
}

/// The tables that the database has, without our own list of migrations.
pub async fn built(database: &Database) -> Tables {
    let mut tables = Tables::new();
    for name in rows::tables(database).await.into_iter().filter(|name| name != "migrations") {
        let columns = rows::sql(
            format!(
                "SELECT column_name, data_type, CASE WHEN is_nullable = 'YES' THEN 1 ELSE 0 END \
                 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{name}' \
                 ORDER BY ordinal_position"
            ),
            format!("SELECT name, type, CASE WHEN \"notnull\" = 0 THEN 1 ELSE 0 END FROM pragma_table_info('{name}')"),
        );
        let columns: Vec<(String, String, i64)> = ask(database, columns).await;
        let columns = columns.into_iter().map(|(name, kind, nullable)| (name, sort_of(&kind), nullable == 1)).collect();
        let keys = rows::sql(
            format!(
                "SELECT index_name, CASE WHEN non_unique = 0 THEN 1 ELSE 0 END, column_name \
                 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = '{name}' \
                 ORDER BY index_name, seq_in_index"
            ),
            format!(
                "SELECT i.name, i.\"unique\", c.name FROM pragma_index_list('{name}') i, pragma_index_info(i.name) c \
                 WHERE i.origin = 'c' UNION ALL \
                 SELECT 'PRIMARY', 1, name FROM (SELECT name FROM pragma_table_info('{name}') WHERE pk > 0 ORDER BY pk)"
            ),
        );
        let mut table = Table { columns, keys: BTreeMap::new() };
        for (key, unique, column) in ask::<(String, i64, String)>(database, keys).await {
            table.keys.entry(key).or_insert((unique == 1, vec![])).1.push(column);
        }
        tables.insert(name, table);
    }
    tables
}

/// The database of a SQLite file, whatever the back end of this run is.
async fn sqlite(app: &TestApp, folder: &std::path::Path) -> Database {
    let mut settings = app.app.config.database.clone();
    settings.url = Secret::new(format!("sqlite:{}", folder.join("schema.db").display()));
    Database::open(&settings).await.expect("SQLite")
}

#[tokio::test]
async fn both_dialects_build_the_same() {
    let app = TestApp::new().await;
    let folder = tempfile::tempdir().unwrap();
    let other = sqlite(&app, folder.path()).await;
    let here = built(&app.app.database).await;
    let (sqlite, texts) = (built(&other).await, written());
    assert!(here.len() > 20 && here.values().all(|table| table.keys.contains_key("PRIMARY")));
    for (name, table) in &sqlite {
        assert_eq!(texts.get(name), Some(table), "{name}: the texts for MySQL, and SQLite");
        assert_eq!(here.get(name), Some(table), "{name}: the database at hand, and SQLite");
    }
    assert_eq!((sqlite.len(), sqlite.len()), (texts.len(), here.len()));
    other.close().await;
    app.end().await;
}

#[test]
fn both_folders_have_the_same_files_of_one_statement() {
    assert_eq!(names("mysql"), names("sqlite"));
    for name in names("mysql") {
        let number: String = name.chars().take(4).collect();
        assert!(number.parse::<u32>().is_ok() && name.as_bytes()[4] == b'_', "{name}");
        // MariaDB commits after each statement of DDL: two in one file could be half done.
        let text = text_of("mysql", &name);
        let code: String = text.lines().filter(|line| !line.starts_with("--")).collect();
        assert_eq!(code.matches(';').count(), 1, "{name}");
    }
}

/// Text is compared byte for byte in every table and column, so that two openids that differ in case are two.
#[tokio::test]
async fn no_collation_merges_two_names() {
    let app = TestApp::new().await;
    let other = rows::sql(
        "SELECT CONCAT(table_name, '.', column_name) FROM information_schema.columns WHERE table_schema = DATABASE() \
         AND collation_name IS NOT NULL AND collation_name <> 'utf8mb4_bin' UNION ALL \
         SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() \
         AND table_collation <> 'utf8mb4_bin'"
            .to_owned(),
        "SELECT name FROM sqlite_master WHERE UPPER(sql) LIKE '%COLLATE%'".to_owned(),
    );
    assert_eq!(ask::<(String,)>(&app.app.database, other).await, []);
    let loose = rows::sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND engine <> 'InnoDB'"
            .to_owned(),
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 \
         AND name NOT LIKE 'sqlite%'"
            .to_owned(),
    );
    assert_eq!(ask::<(String,)>(&app.app.database, loose).await, [], "not InnoDB, or not STRICT");
    app.end().await;
}
