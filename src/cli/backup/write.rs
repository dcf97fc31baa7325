//! Making a backup.

use super::{
    bar,
    item::{End, Head, ObjectEnd, TableEnd, Writer},
};
use crate::{
    data::transfer::{Digest, Mention, Source, mentions},
    model::{object, time::Timestamp},
    storage::{Found, ObjectKey, Storage},
};
use anyhow::Context as _;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::BTreeMap;

/// What went into a backup, and what did not.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) end: End,
    /// Objects that rows need, or that were there a moment ago, and that are not there.
    pub(super) gone: u64,
    /// Names that are none of ours.
    pub(super) foreign: u64,
}

/// All rows as they are at one moment, then all objects that there are after it: an object that a row names was put before.
pub(super) async fn write(
    source: &mut Source,
    storage: &Storage,
    out: &mut Writer,
    (with_bytes, now): (bool, Timestamp),
) -> anyhow::Result<Written> {
    let schema = source.schema().clone();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    out.head(&Head { version, made_ms: now, schema: schema.clone(), with_bytes }).await?;
    let mut written = Written::default();
    for table in &schema.tables {
        let bar = bar("rows", &table.name, source.count(table).await?)?;
        let (mut digest, mut last) = (Digest::default(), None);
        while let Some(chunk) = source.next(table, last.as_ref()).await.with_context(|| table.name.clone())? {
            digest.add_all(&chunk);
            out.rows(&chunk).await?;
            bar.inc(chunk.rows());
            last = Some(chunk);
        }
        bar.finish_and_clear();
        written.end.tables += 1;
        written.end.rows += digest.rows;
        out.table_end(&TableEnd { table: table.name.clone(), digest }).await?;
    }
    let listed = objects(source, storage).await?;
    let bar = bar("objects", "bytes", listed.values().sum())?;
    for (name, bytes) in listed {
        let Ok(key) = ObjectKey::parse(&name) else {
            written.foreign += 1;
            continue;
        };
        match object(storage, &key, out, with_bytes).await? {
            Some(end) => {
                written.end.objects += 1;
                written.end.bytes += end.bytes;
                out.object_end(&end).await?;
            }
            None => written.gone += 1,
        }
        bar.inc(bytes);
    }
    bar.finish_and_clear();
    out.end(&written.end).await?;
    Ok(written)
}

/// All that there are. A bucket may not list yet what was put a moment ago: what rows need is looked for all the same.
async fn objects(source: &mut Source, storage: &Storage) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut all: BTreeMap<String, u64> = storage.list("").await?.into_iter().collect();
    let needed = |mention: Mention| {
        if mention.needed {
            all.entry(mention.name).or_insert(0);
        }
    };
    mentions(source, needed).await?;
    Ok(all)
}

/// The bytes of an object, and their sum; `None` if it is no more.
async fn object(
    storage: &Storage,
    key: &ObjectKey,
    out: &mut Writer,
    with_bytes: bool,
) -> anyhow::Result<Option<ObjectEnd>> {
    let found = storage.read(key, &object::Reader::default()).await?;
    let Some(Found::Reading(mut reading)) = found else { return Ok(None) };
    out.object(key.as_str()).await?;
    let (mut hash, mut bytes) = (Context::new(&SHA256), 0);
    while let Some(piece) = reading.next().await? {
        hash.update(&piece);
        bytes += piece.len() as u64;
        if with_bytes {
            out.bytes(&piece).await?;
        }
    }
    Ok(Some(ObjectEnd { key: key.to_string(), bytes, sha256: hex::encode(hash.finish()) }))
}
