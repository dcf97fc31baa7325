//! `weizhan backup` and `weizhan restore`: the shop as one sealed file, and back.
//!
//! A backup is made while the shop is open: its rows are those of one moment. It is written under no name until it is whole,
//! and read once more before it counts. A restore goes into an empty database, which no server starts on until all of it is
//! there with the sums that it had.

mod item;
mod read;
mod write;

use super::{Sources, verify};
use crate::{
    app::SystemClock,
    config::{Config, Secret},
    data::{Database, transfer::Source},
    model::time::{Clock as _, Timestamp},
    storage::{self, Area, Found, ObjectKey, SealedReading, SealedWriting, Storage},
    telemetry,
};
use anyhow::{Context as _, bail, ensure};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use item::{Reader, Writer};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The shortest key that is taken from a file.
const KEY_BYTES_MIN: usize = 32;

/// Options of `backup`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write this file, on another machine's disk at best. Without it the backup goes into the storage of objects, where
    /// nothing serves it.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// File that holds the key; without it `storage.backup_key` of the settings.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Of objects keep names and sums alone: for a bucket that is backed up by itself.
    #[arg(long)]
    without_objects: bool,
    /// Make none; show those that are in the storage.
    #[arg(long, conflicts_with_all = ["to", "without_objects", "key_file"])]
    list: bool,
}

/// Options of `restore`.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// A backup in the storage, by the name that `backup --list` shows.
    #[arg(value_name = "NAME", required_unless_present = "from")]
    name: Option<String>,
    /// A backup in a file.
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    from: Option<PathBuf>,
    /// File that holds the key; without it `storage.backup_key` of the settings.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Write nothing; see whether the backup is whole and what is in it.
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.for_tools()?;
    telemetry::init(&config.log);
    let storage = Storage::open(&config, Arc::new(SystemClock)).await?;
    if args.list {
        return list(&storage).await;
    }
    let key = key(&config, args.key_file.as_deref())?;
    let now = SystemClock.now();
    let (place, target) = match &args.to {
        Some(path) => storage::file(path).await?,
        None => (storage.clone(), Area::Backup.key(&ObjectKey::parse(&name(now))?)),
    };
    ensure!(place.size(&target).await?.is_none(), "{target} is there already");
    let mut source = Source::snapshot(&config.database).await?;
    let mut out = Writer(SealedWriting::begin(place.write(&target).await?, &key).await?);
    let written = write::write(&mut source, &storage, &mut out, (!args.without_objects, now)).await;
    source.close().await?;
    let written = match written {
        Ok(written) => written,
        Err(error) => {
            out.0.abandon().await;
            return Err(error);
        }
    };
    let bytes = out.0.end().await?;
    let read = async { read::read(&mut open(&place, &target, &key).await?, None).await };
    if let Err(error) = read.await.and_then(|read| {
        ensure!(read.end == written.end, "it does not hold what was written");
        Ok(())
    }) {
        place.delete(&target).await?;
        return Err(error.context("the backup that was written cannot be read, and was removed"));
    }
    let mut out = std::io::stdout();
    let shown = args.to.map_or_else(|| name(now), |path| path.display().to_string());
    writeln!(out, "{shown}: {}, {} sealed, read once more and whole", told(&written.end), HumanBytes(bytes))?;
    for (count, what) in
        [(written.gone, "objects are missing (see weizhan storage check)"), (written.foreign, "names are none of ours")]
    {
        if count > 0 {
            writeln!(out, "{count} {what}: not in it")?;
        }
    }
    Ok(())
}

pub(super) async fn restore(args: RestoreArgs, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.for_tools()?;
    telemetry::init(&config.log);
    let key = key(&config, args.key_file.as_deref())?;
    let storage = Storage::open(&config, Arc::new(SystemClock)).await?;
    let (place, from) = match (&args.from, &args.name) {
        (Some(path), _) => storage::file(path).await?,
        (None, name) => {
            let name = name.as_deref().unwrap_or_default();
            (storage.clone(), Area::Backup.key(&ObjectKey::parse(name)?))
        }
    };
    let mut reader = open(&place, &from, &key).await?;
    let into = (!args.check).then_some(read::Place { database: &config.database, storage: &storage });
    let read = read::read(&mut reader, into).await?;
    let mut out = std::io::stdout();
    if read.began_before {
        writeln!(out, "a copy before this one was not finished: it was started over")?;
    }
    writeln!(out, "{}", table(&read))?;
    let made = read.head.made_ms.rfc3339_utc();
    let bytes = if read.head.with_bytes { "" } else { ", objects by name and sum" };
    writeln!(out, "made {made} by {}: {}{bytes}", read.head.version, told(&read.end))?;
    if args.check {
        writeln!(out, "it is whole; nothing was written")?;
        return Ok(());
    }
    let database = Database::open(&config.database).await?;
    let verified = verify::on(&database, false).await;
    database.close().await;
    verified
}

async fn list(storage: &Storage) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    for (name, bytes) in storage.list(Area::Backup.prefix()).await? {
        writeln!(out, "{}  {}", name.trim_start_matches(Area::Backup.prefix()), HumanBytes(bytes))?;
    }
    Ok(())
}

async fn open(place: &Storage, key: &ObjectKey, secret: &Secret) -> anyhow::Result<Reader> {
    match place.read(key, &crate::model::object::Reader::default()).await? {
        Some(Found::Reading(reading)) => Ok(Reader(SealedReading::begin(reading, secret).await?)),
        _ => bail!("there is no {key}"),
    }
}

/// The key, from a file or the settings: on a command line everybody on the machine would see it.
fn key(config: &Config, file: Option<&Path>) -> anyhow::Result<Secret> {
    let Some(path) = file else {
        let key = config.storage.backup_key.clone();
        ensure!(!key.is_empty(), "storage.backup_key is not set, and no --key-file is given");
        return Ok(key);
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    ensure!(text.len() >= KEY_BYTES_MIN, "{} holds fewer than {KEY_BYTES_MIN} bytes: it is no key", path.display());
    Ok(Secret::new(text))
}

/// The name of a backup in the storage: `2026-11-23t04-00-00.000z.backup`.
fn name(now: Timestamp) -> String {
    format!("{}.backup", now.rfc3339_utc().to_ascii_lowercase().replace(':', "-"))
}

fn told(end: &item::End) -> String {
    let item::End { tables, rows, objects, bytes } = end;
    format!("{tables} tables with {rows} rows, {objects} objects of {}", HumanBytes(*bytes))
}

fn table(read: &read::Read) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(["table", "rows", "checksum"]);
    for end in &read.tables {
        table.add_row([&end.table, &end.digest.rows.to_string(), &end.digest.short()]);
    }
    table
}

/// It hides itself when nobody looks at a terminal. Of what is not known beforehand it shows how much there was.
fn bar(act: &'static str, what: &str, length: u64) -> anyhow::Result<ProgressBar> {
    let known = "{msg:7} {prefix:24} {bar:30} {human_pos}/{human_len}, {per_sec}, {eta} left";
    let style =
        ProgressStyle::with_template(if length > 0 { known } else { "{msg:7} {prefix:24} {human_pos}, {per_sec}" })?;
    Ok(ProgressBar::new(length).with_style(style).with_prefix(what.to_owned()).with_message(act))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_has_a_name_by_its_time() {
        let name = name(Timestamp::from_seconds(1_795_406_400));
        assert_eq!(name, "2026-11-23t04-00-00.000z.backup");
        assert!(ObjectKey::parse(&name).is_ok());
    }
}
