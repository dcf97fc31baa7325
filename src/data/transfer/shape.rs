//! What tables there are, and of which columns.

use super::{
    MARK,
    cell::Cell,
    link::{Link, Wire},
};
use crate::data::Error;
use serde::{Deserialize, Serialize};

/// Our own list of migrations is made by the migrations of each side.
const LEFT_OUT: [&str; 2] = ["migrations", MARK];

/// What a column holds, whatever each dialect calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sort {
    Integer,
    Text,
    Bytes,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Names and sorts, in order.
    pub(super) columns: Vec<(String, Sort)>,
    /// Places among the columns of the primary key, in its order.
    pub(super) key: Vec<usize>,
}

impl Table {
    /// The key of a row.
    pub(super) fn key_of(&self, row: &[Cell]) -> Vec<Cell> {
        self.key.iter().filter_map(|place| row.get(*place).cloned()).collect()
    }

    /// The columns, for a statement.
    pub(super) fn names(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| format!("`{name}`")).collect();
        names.join(", ")
    }

    /// Rows after a key, in its order; the values are those of the key, each as often as it is asked for.
    pub(super) fn chunk(&self, after: Option<&[Cell]>, rows: usize) -> (String, Vec<Cell>) {
        let keys: Vec<_> = self.key.iter().map(|place| format!("`{}`", self.columns[*place].0)).collect();
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        // Not `(a, b) > (?, ?)`: MySQL would read the table from its start for each chunk.
        for (place, key) in keys.iter().enumerate().take(after.map_or(0, <[Cell]>::len)) {
            let mut parts: Vec<_> = keys[..place].iter().map(|before| format!("{before} = ?")).collect();
            parts.push(format!("{key} > ?"));
            conditions.push(format!("({})", parts.join(" AND ")));
            values.extend(after.iter().flat_map(|after| after[..=place].iter().cloned()));
        }
        let which = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" OR ")) };
        let (names, name) = (self.names(), &self.name);
        (format!("SELECT {names} FROM `{name}`{which} ORDER BY {} LIMIT {rows}", keys.join(", ")), values)
    }

    /// So many rows at once.
    pub(super) fn insert(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns.len()].join(", "));
        format!("INSERT INTO `{}` ({}) VALUES {}", self.name, self.names(), vec![row; rows].join(", "))
    }
}

/// What a database is made of, whatever its dialect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Its tables, by name.
    pub tables: Vec<Table>,
    pub(super) migrations: Vec<String>,
}

impl Schema {
    /// Of a database that somebody used and that is whole; an error if it is none.
    pub(super) async fn of(link: &mut Link) -> Result<Self, Error> {
        let migrations = migrations(link).await?;
        if migrations.is_empty() {
            return Err(Error::Unfit("the source is no database of weizhan".to_owned()));
        }
        if has(link, MARK).await? {
            return Err(Error::Unfit("the source is itself a copy that was not finished".to_owned()));
        }
        Ok(Self { tables: tables(link).await?, migrations })
    }

    /// Whether a target has the same migrations and tables; an error that says what to do if not.
    pub(super) fn agree(&self, tables: &[Table], migrations: &[String]) -> Result<(), Error> {
        let differs = |what: &str| {
            let advice = "run `weizhan migrate` of this version on the source first";
            Err(Error::Unfit(format!("source and target differ in {what}; {advice}")))
        };
        if let Some(name) = migrations.iter().find(|name| !self.migrations.contains(name)) {
            return differs(&format!("the migration {name:?}"));
        }
        if let Some(name) = self.migrations.iter().find(|name| !migrations.contains(name)) {
            return Err(Error::Unfit(format!(
                "the source was served by a newer version: it has the migration {name:?}"
            )));
        }
        match tables.iter().find(|table| !self.tables.contains(table)) {
            Some(table) => differs(&format!("the table {}", table.name)),
            None if tables.len() != self.tables.len() => differs("the number of tables"),
            None => Ok(()),
        }
    }
}

/// The tables of a database, by name.
pub(super) async fn tables(link: &mut Link) -> Result<Vec<Table>, Error> {
    let names = link.texts(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name",
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name",
        &[],
    );
    let mut tables = Vec::new();
    for name in names.await?.into_iter().filter(|name| !LEFT_OUT.contains(&name.as_str())) {
        tables.push(table(link, name).await?);
    }
    Ok(tables)
}

async fn table(link: &mut Link, name: String) -> Result<Table, Error> {
    let of = [Cell::Text(name.clone())];
    let columns = link.texts(
        "SELECT CONCAT(column_name, ' ', data_type) FROM information_schema.columns
         WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position",
        "SELECT name || ' ' || type FROM pragma_table_info(?) ORDER BY cid",
        &of,
    );
    let columns = columns.await?.into_iter().map(|column| {
        let (column, kind) = column.split_once(' ').unwrap_or((&column, ""));
        sort_of(kind)
            .map(|sort| (column.to_owned(), sort))
            .ok_or_else(|| Error::Unfit(format!("{name}.{column} is {kind}, which is not among the portable types")))
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let key = link.texts(
        "SELECT column_name FROM information_schema.statistics
         WHERE table_schema = DATABASE() AND table_name = ? AND index_name = 'PRIMARY' ORDER BY seq_in_index",
        "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk",
        &of,
    );
    let key = key.await?;
    let key: Vec<_> = key.iter().filter_map(|key| columns.iter().position(|(name, _)| name == key)).collect();
    if key.is_empty() {
        return Err(Error::Unfit(format!("{name} has no primary key")));
    }
    Ok(Table { name, columns, key })
}

fn sort_of(kind: &str) -> Option<Sort> {
    let word: String = kind.chars().take_while(char::is_ascii_alphabetic).collect();
    match word.to_ascii_lowercase().as_str() {
        "bigint" | "int" | "tinyint" | "integer" => Some(Sort::Integer),
        "varchar" | "text" | "mediumtext" | "longtext" => Some(Sort::Text),
        "blob" | "mediumblob" | "varbinary" => Some(Sort::Bytes),
        _ => None,
    }
}

/// Whether a table of that name is there.
pub(super) async fn has(link: &mut Link, name: &str) -> Result<bool, Error> {
    let of = [Cell::Text(name.to_owned())];
    let found = link.texts(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?",
        &of,
    );
    Ok(!found.await?.is_empty())
}

/// The migrations that have run.
pub(super) async fn migrations(link: &mut Link) -> Result<Vec<String>, Error> {
    if !has(link, "migrations").await? {
        return Ok(Vec::new());
    }
    let texts = "SELECT name FROM migrations WHERE done = 1 ORDER BY version";
    link.texts(texts, texts, &[]).await
}

impl Link {
    /// The first column of every row, as text.
    pub(super) async fn texts(&mut self, mysql: &str, sqlite: &str, values: &[Cell]) -> Result<Vec<String>, Error> {
        let text = match self.wire() {
            Wire::MySql(_) => mysql,
            Wire::Sqlite(_) => sqlite,
        };
        let rows = self.rows(text.to_owned(), values.to_vec(), &[Sort::Text]).await?;
        let text = |row: Vec<Cell>| match row.into_iter().next() {
            Some(Cell::Text(text)) => Some(text),
            _ => None,
        };
        Ok(rows.into_iter().filter_map(text).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_begins_after_the_key_whatever_its_columns() {
        let columns = ["a", "b", "c"].map(|name| (name.to_owned(), Sort::Integer)).into();
        let table = Table { name: "t".to_owned(), columns, key: vec![2, 0] };
        let (text, values) = table.chunk(None, 5);
        assert_eq!((text.as_str(), values.len()), ("SELECT `a`, `b`, `c` FROM `t` ORDER BY `c`, `a` LIMIT 5", 0));
        let key = table.key_of(&[Cell::Integer(1), Cell::Integer(2), Cell::Integer(3)]);
        let (text, values) = table.chunk(Some(&key), 5);
        assert!(text.contains(" WHERE (`c` > ?) OR (`c` = ? AND `a` > ?) ORDER BY"), "{text}");
        assert_eq!(values, [3, 3, 1].map(Cell::Integer));
        assert_eq!(table.insert(2), "INSERT INTO `t` (`a`, `b`, `c`) VALUES (?, ?, ?), (?, ?, ?)");
    }
}
