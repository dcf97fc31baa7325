//! Where rows go: a database that nobody has used.

use super::{Chunk, Digest, MARK, Schema, Table, as_new, cell::Cell, link::Link, shape};
use crate::{
    config,
    data::{Database, Error, migrate, open::Guards},
};

/// Bytes and values of one INSERT: far below what any server refuses.
const BYTES_MAX: usize = 1 << 20;
const VALUES_MAX: usize = 10_000;

/// The database, marked as unfinished until [`Target::finish`].
#[derive(Debug)]
pub struct Target {
    link: Link,
    /// Whether a copy before this one was not finished, so that this one starts over.
    pub began_before: bool,
}

impl Target {
    /// Bring it to the schema of this binary, see that it is empty and like the source, and mark it.
    pub async fn open(settings: &config::Database, schema: &Schema) -> Result<Self, Error> {
        let mut target = Self::find(settings, schema, true).await?;
        let tables = &schema.tables;
        if !target.began_before {
            for (table, new) in as_new(settings).await? {
                if target.link.digest(&table, |_| ()).await? != new {
                    return Err(Error::Unfit(format!("the target is not empty: there are rows in {}", table.name)));
                }
            }
            target.link.script(format!("CREATE TABLE {MARK} (id BIGINT NOT NULL PRIMARY KEY)")).await?;
        }
        // What the schema comes with, and what an unfinished copy left.
        for table in tables {
            target.link.script(format!("DELETE FROM `{}`", table.name)).await?;
        }
        Ok(target)
    }

    /// A target that was filled before, to be compared.
    pub async fn filled(settings: &config::Database, schema: &Schema) -> Result<Self, Error> {
        Self::find(settings, schema, false).await
    }

    async fn find(settings: &config::Database, schema: &Schema, migrated: bool) -> Result<Self, Error> {
        if migrated {
            // Not `open`, which refuses what is unfinished.
            let database = Database::connect(settings, Guards::default()).await?;
            let outcome = migrate::run(&database).await;
            database.close().await;
            outcome?;
        }
        let mut link = Link::open(settings.url.expose()).await?;
        schema.agree(&shape::tables(&mut link).await?, &shape::migrations(&mut link).await?)?;
        let began_before = shape::has(&mut link, MARK).await?;
        Ok(Self { link, began_before })
    }

    /// Rows of one chunk, all or none.
    pub async fn put(&mut self, table: &Table, chunk: &Chunk) -> Result<(), Error> {
        self.insert(table, &chunk.0).await
    }

    /// Rows, all or none.
    pub(super) async fn insert(&mut self, table: &Table, rows: &[Vec<Cell>]) -> Result<(), Error> {
        self.link.script("BEGIN".to_owned()).await?;
        let mut rest = rows;
        while !rest.is_empty() {
            let (mut bytes, mut count) = (0, 0);
            while let Some(row) = rest.get(count) {
                bytes += row.iter().map(Cell::size).sum::<usize>();
                if count > 0 && (bytes > BYTES_MAX || (count + 1) * table.columns.len() > VALUES_MAX) {
                    break;
                }
                count += 1;
            }
            let (now, later) = rest.split_at(count);
            self.link.execute(table.insert(count), now.iter().flatten().cloned().collect()).await?;
            rest = later;
        }
        self.link.script("COMMIT".to_owned()).await
    }

    /// What a table holds.
    pub async fn digest(&mut self, table: &Table, read: impl FnMut(u64)) -> Result<Digest, Error> {
        self.link.digest(table, read).await
    }

    /// All of it is there: servers may start.
    pub async fn finish(mut self) -> Result<(), Error> {
        self.link.script(format!("DROP TABLE IF EXISTS {MARK}")).await?;
        self.link.close().await;
        Ok(())
    }
}
