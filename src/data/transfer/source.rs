//! Where rows come from: a database that nobody serves and that nobody can change meanwhile, or one as it was at a moment.

use super::{
    CHUNK, Chunk, Digest, Schema, Table,
    cell::Cell,
    link::{Link, Wire},
    shape::Sort,
};
use crate::{
    config,
    data::Error,
    model::time::{Clock, Timestamp},
};
use std::time::Duration;

/// How often it is looked whether a lease is renewed.
const LOOK: Duration = Duration::from_millis(250);
/// Seconds to wait for somebody who writes.
const LOCK_SECONDS: u32 = 5;

/// The database, until this is closed.
#[derive(Debug)]
pub struct Source {
    link: Link,
    schema: Schema,
}

impl Source {
    /// Open it, once nobody serves it: a lease that runs out is waited for, one that is renewed is an error, and so is a
    /// writer who does not end.
    pub async fn open(settings: &config::Database, clock: &dyn Clock) -> Result<Self, Error> {
        let mut link = Link::open(settings.url.expose()).await?;
        let schema = Schema::of(&mut link).await?;
        served(&mut link, clock).await?;
        lock(&mut link, &schema.tables).await?;
        // Between the last look and the lock somebody may have begun.
        if let Some(until) = lease(&mut link).await?.filter(|until| *until > clock.now()) {
            return Err(busy(until));
        }
        Ok(Self { link, schema })
    }

    /// Open it as it is at this moment, whoever serves it meanwhile: what is written later is not seen.
    pub async fn snapshot(settings: &config::Database) -> Result<Self, Error> {
        let mut link = Link::open(settings.url.expose()).await?;
        let schema = Schema::of(&mut link).await?;
        let begin = match link.wire() {
            Wire::MySql(_) => {
                "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT"
            }
            // Its moment is that of the first read.
            Wire::Sqlite(_) => "BEGIN; SELECT COUNT(*) FROM migrations",
        };
        link.script(begin.to_owned()).await?;
        Ok(Self { link, schema })
    }

    /// Its tables, by name.
    pub fn tables(&self) -> &[Table] {
        &self.schema.tables
    }

    /// The rows of a table after the last of these; `None` at the end.
    pub async fn next(&mut self, table: &Table, after: Option<&Chunk>) -> Result<Option<Chunk>, Error> {
        let last = after.and_then(|chunk| chunk.0.last()).map(|row| table.key_of(row));
        let rows = self.link.chunk(table, last.as_deref(), CHUNK).await?;
        Ok((!rows.is_empty()).then_some(Chunk(rows)))
    }

    pub(super) fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// How many rows a table has.
    pub async fn count(&mut self, table: &Table) -> Result<u64, Error> {
        self.link.count(table).await
    }

    /// What a table holds.
    pub async fn digest(&mut self, table: &Table, read: impl FnMut(u64)) -> Result<Digest, Error> {
        self.link.digest(table, read).await
    }

    /// What it is made of.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Let writers in again.
    pub async fn close(mut self) -> Result<(), Error> {
        match self.link.wire() {
            Wire::MySql(_) => self.link.script("ROLLBACK; UNLOCK TABLES".to_owned()).await?,
            Wire::Sqlite(_) => self.link.script("ROLLBACK".to_owned()).await?,
        }
        self.link.close().await;
        Ok(())
    }
}

/// The latest moment until which any node holds a lease.
async fn lease(link: &mut Link) -> Result<Option<Timestamp>, Error> {
    let rows = link.rows("SELECT MAX(expires_ms) FROM leases".to_owned(), Vec::new(), &[Sort::Integer]).await?;
    Ok(rows.first().and_then(|row| match row.first() {
        Some(Cell::Integer(until)) => Some(Timestamp(*until)),
        _ => None,
    }))
}

/// Every node that serves renews a lease or waits for one to end. A node that was killed renews none.
async fn served(link: &mut Link, clock: &dyn Clock) -> Result<(), Error> {
    let first = lease(link).await?;
    while let Some(until) = lease(link).await? {
        if Some(until) > first {
            return Err(busy(until));
        }
        if until <= clock.now() {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn busy(until: Timestamp) -> Error {
    Error::Unfit(format!(
        "the source is being served (a node holds a lease until {} ms): stop its nodes first",
        until.0
    ))
}

/// Nobody may write until this connection lets go.
async fn lock(link: &mut Link, tables: &[Table]) -> Result<(), Error> {
    let locked = match link.wire() {
        Wire::MySql(_) => {
            let mut all: Vec<_> = tables.iter().map(|table| format!("`{}` READ", table.name)).collect();
            all.push("`migrations` READ".to_owned());
            link.script(format!("SET SESSION lock_wait_timeout = {LOCK_SECONDS}")).await?;
            link.script(format!("LOCK TABLES {}", all.join(", "))).await
        }
        Wire::Sqlite(_) => link.script("BEGIN IMMEDIATE".to_owned()).await,
    };
    match locked {
        Err(Error::Contended { .. }) => {
            Err(Error::Unfit("somebody writes to the source: stop its nodes first".to_owned()))
        }
        locked => locked,
    }
}
