//! Where rows come from: a database that nobody serves, and that nobody can change meanwhile.

use super::{
    Digest, Table,
    cell::Cell,
    link::{Link, Wire},
    shape::{self, Sort},
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

/// The database, locked against writers until this is closed.
#[derive(Debug)]
pub struct Source {
    link: Link,
    tables: Vec<Table>,
    migrations: Vec<String>,
}

impl Source {
    /// Open it, once nobody serves it: a lease that runs out is waited for, one that is renewed is an error, and so is a
    /// writer who does not end.
    pub async fn open(settings: &config::Database, clock: &dyn Clock) -> Result<Self, Error> {
        let mut link = Link::open(settings.url.expose()).await?;
        let migrations = shape::migrations(&mut link).await?;
        if migrations.is_empty() {
            return Err(Error::Unfit("the source is no database of weizhan".to_owned()));
        }
        if shape::has(&mut link, super::MARK).await? {
            return Err(Error::Unfit("the source is itself a copy that was not finished".to_owned()));
        }
        let tables = shape::tables(&mut link).await?;
        served(&mut link, clock).await?;
        lock(&mut link, &tables).await?;
        // Between the last look and the lock somebody may have begun.
        if let Some(until) = lease(&mut link).await?.filter(|until| *until > clock.now()) {
            return Err(busy(until));
        }
        Ok(Self { link, tables, migrations })
    }

    /// Its tables, by name.
    pub fn tables(&self) -> &[Table] {
        &self.tables
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

    /// Whether the target has the same migrations and tables; an error that says what to do if not.
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

    /// Let writers in again.
    pub async fn close(mut self) -> Result<(), Error> {
        match self.link.wire() {
            Wire::MySql(_) => self.link.script("UNLOCK TABLES".to_owned()).await?,
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
