//! Reading a backup: to see whether it is whole, or into an empty database and a storage.

use super::{
    bar,
    item::{End, Head, Item, ObjectEnd, Reader, TableEnd},
};
use crate::{
    config,
    data::transfer::{Chunk, Digest, Table, Target},
    model::object,
    storage::{Found, ObjectKey, Storage, Writing},
};
use anyhow::{Context as _, bail, ensure};
use aws_lc_rs::digest::{Context, SHA256};

const OTHER: &str = "the backup is not in the form of this program";

/// Where a backup goes.
pub(super) struct Place<'a> {
    pub(super) database: &'a config::Database,
    pub(super) storage: &'a Storage,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) head: Head,
    pub(super) end: End,
    /// Each table with what it held.
    pub(super) tables: Vec<TableEnd>,
    /// A restore before this one was not finished.
    pub(super) began_before: bool,
}

/// Reads all of it. With a place to put it, everything is there in the end and has the sums that it had, and the database is
/// served by nobody before; without one nothing is written.
pub(super) async fn read(from: &mut Reader, into: Option<Place<'_>>) -> anyhow::Result<Read> {
    let Item::Head(head) = from.next().await? else { bail!(OTHER) };
    let mut target = match &into {
        Some(into) => Some(Target::open(into.database, &head.schema).await.context("the database")?),
        None => None,
    };
    let began_before = target.as_ref().is_some_and(|target| target.began_before);
    let tables = tables(from, &head, target.as_mut()).await?;
    let storage = into.as_ref().map(|into| into.storage);
    let (objects, end) = objects(from, &head, storage).await?;
    let rows = tables.iter().map(|end| end.digest.rows).sum();
    let bytes = objects.iter().map(|end| end.bytes).sum();
    let counted = End { tables: tables.len() as u64, rows, objects: objects.len() as u64, bytes };
    ensure!(counted == end, "the backup does not hold what its end says");
    if let (Some(mut target), Some(storage)) = (target, storage) {
        for (table, end) in head.schema.tables.iter().zip(&tables) {
            let bar = bar("check", &table.name, end.digest.rows)?;
            let there = target.digest(table, |rows| bar.inc(rows)).await.with_context(|| table.name.clone())?;
            bar.finish_and_clear();
            ensure!(there == end.digest, "{}: other rows arrived than were sent", table.name);
        }
        let bar = bar("check", "objects", end.bytes)?;
        for object in &objects {
            check(storage, object).await?;
            bar.inc(object.bytes);
        }
        bar.finish_and_clear();
        target.finish().await.context("the database")?;
    }
    Ok(Read { head: *head, end, tables, began_before })
}

/// Rows of every table, in the order of the head.
async fn tables(from: &mut Reader, head: &Head, mut target: Option<&mut Target>) -> anyhow::Result<Vec<TableEnd>> {
    let mut ends = Vec::new();
    for table in &head.schema.tables {
        let bar = bar("rows", &table.name, 0)?;
        let mut digest = Digest::default();
        let end = loop {
            match from.next().await? {
                Item::Rows(bytes) => {
                    let chunk = chunk(table, &bytes)?;
                    digest.add_all(&chunk);
                    if let Some(target) = target.as_deref_mut() {
                        target.put(table, &chunk).await.with_context(|| table.name.clone())?;
                    }
                    bar.inc(chunk.rows());
                }
                Item::TableEnd(end) if end.table == table.name => break end,
                _ => bail!("the backup has not the tables of its head"),
            }
        };
        bar.finish_and_clear();
        ensure!(digest == end.digest, "{}: the rows have not the sum that they had", table.name);
        ends.push(end);
    }
    Ok(ends)
}

fn chunk(table: &Table, bytes: &[u8]) -> anyhow::Result<Chunk> {
    Chunk::read(table, bytes).with_context(|| format!("{}: the backup holds other rows than its own", table.name))
}

/// Objects up to the end, each into the storage if there is one.
async fn objects(from: &mut Reader, head: &Head, storage: Option<&Storage>) -> anyhow::Result<(Vec<ObjectEnd>, End)> {
    let mut ends = Vec::new();
    let bar = bar("objects", "bytes", 0)?;
    loop {
        match from.next().await? {
            Item::Object(name) => {
                let storage = storage.filter(|_| head.with_bytes);
                let end = object(from, &name, storage).await.with_context(|| format!("object {name}"))?;
                bar.inc(end.bytes);
                ends.push(end);
            }
            Item::End(end) => {
                bar.finish_and_clear();
                return Ok((ends, end));
            }
            _ => bail!(OTHER),
        }
    }
}

/// One object, which is there when all of it came and has the sum that it had.
async fn object(from: &mut Reader, name: &str, storage: Option<&Storage>) -> anyhow::Result<ObjectEnd> {
    let key = ObjectKey::parse(name)?;
    let mut writing = match storage {
        Some(storage) => Some(storage.write(&key).await?),
        None => None,
    };
    let came = bytes(from, writing.as_mut()).await;
    match (came, writing) {
        (Ok(end), Some(writing)) if end.key == name => writing.end().await.map(|()| end).map_err(Into::into),
        (Ok(end), None) if end.key == name => Ok(end),
        (came, writing) => {
            if let Some(writing) = writing {
                writing.abandon().await;
            }
            came.and_then(|_| bail!(OTHER))
        }
    }
}

async fn bytes(from: &mut Reader, mut writing: Option<&mut Writing>) -> anyhow::Result<ObjectEnd> {
    let (mut hash, mut count) = (Context::new(&SHA256), 0);
    loop {
        match from.next().await? {
            Item::Bytes(bytes) => {
                hash.update(&bytes);
                count += bytes.len() as u64;
                if let Some(writing) = writing.as_deref_mut() {
                    writing.write(&bytes).await?;
                }
            }
            Item::ObjectEnd(end) => {
                // Without its bytes there is nothing to compare it with.
                let same = end.bytes == count && end.sha256 == hex::encode(hash.finish());
                ensure!(same || count == 0, "its bytes have not the sum that they had");
                return Ok(end);
            }
            _ => bail!(OTHER),
        }
    }
}

/// Whether the storage has that object.
async fn check(storage: &Storage, object: &ObjectEnd) -> anyhow::Result<()> {
    let found = storage.read(&ObjectKey::parse(&object.key)?, &object::Reader::default()).await?;
    let Some(Found::Reading(mut reading)) = found else { bail!("object {} is not there", object.key) };
    let mut hash = Context::new(&SHA256);
    while let Some(piece) = reading.next().await? {
        hash.update(&piece);
    }
    let same = reading.size == object.bytes && hex::encode(hash.finish()) == object.sha256;
    ensure!(same, "object {} is another than it was", object.key);
    Ok(())
}
