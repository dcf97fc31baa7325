//! `weizhan storage`: whether every object that a row names is there, and what is there that no row names.

use super::{Sources, Told};
use crate::{
    app::SystemClock,
    config::Config,
    data::transfer::{Mention, Source, mentions},
    storage::{ObjectKey, Storage},
    telemetry,
};
use indicatif::HumanBytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    sync::Arc,
};

/// So many of each are shown.
const SHOWN: usize = 20;

/// Options of `storage`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Compare rows and objects; exits 1 when an object is missing that a row needs. The shop may be open.
    Check(CheckArgs),
}

/// Options of `storage check`.
#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// Show all objects that no row names, and what removing them would free; with `--yes` remove them.
    #[arg(long)]
    remove_orphans: bool,
    /// Remove them indeed.
    #[arg(long, requires = "remove_orphans")]
    yes: bool,
}

/// What does not fit together.
#[derive(Debug, Default)]
struct Compared {
    objects: usize,
    /// Objects that rows need, and that are not there, by name.
    missing: BTreeMap<String, Mention>,
    /// Objects that no row names, and their bytes.
    orphans: BTreeMap<String, u64>,
    /// Names that are none of ours; they are never removed.
    foreign: BTreeMap<String, u64>,
}

pub(super) async fn run(Args { act: Act::Check(args) }: Args, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.for_tools()?;
    telemetry::init(&config.log);
    let storage = Storage::open(&config, Arc::new(SystemClock)).await?;
    let compared = compare(&config, &storage).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", told(&compared, args.remove_orphans))?;
    if args.yes {
        let (removed, bytes) = remove(&config, &storage, &compared.orphans).await?;
        writeln!(out, "{removed} objects removed, {}", HumanBytes(bytes))?;
    } else if args.remove_orphans && !compared.orphans.is_empty() {
        writeln!(out, "nothing was removed: that takes --yes too")?;
    }
    if compared.missing.is_empty() { Ok(()) } else { Err(Told.into()) }
}

/// First the objects, then the rows: a row is there before its object. What then seems to be missing is looked for once
/// more, since it may have come meanwhile.
async fn compare(config: &Config, storage: &Storage) -> anyhow::Result<Compared> {
    let listed: BTreeMap<String, u64> = storage.list("").await?.into_iter().collect();
    let (mut compared, mut named) = (Compared { objects: listed.len(), ..Compared::default() }, BTreeSet::new());
    let mut source = Source::snapshot(&config.database).await?;
    let read = mentions(&mut source, |mention| {
        if mention.needed && !listed.contains_key(&mention.name) {
            compared.missing.entry(mention.name.clone()).or_insert_with(|| mention.clone());
        }
        named.insert(mention.name);
    });
    read.await?;
    source.close().await?;
    for name in compared.missing.keys().cloned().collect::<Vec<_>>() {
        if let Ok(key) = ObjectKey::parse(&name)
            && storage.size(&key).await?.is_some()
        {
            compared.missing.remove(&name);
        }
    }
    for (name, bytes) in listed.into_iter().filter(|(name, _)| !named.contains(name)) {
        let place = if ObjectKey::parse(&name).is_ok() { &mut compared.orphans } else { &mut compared.foreign };
        place.insert(name, bytes);
    }
    Ok(compared)
}

/// Those that still no row names.
async fn remove(config: &Config, storage: &Storage, orphans: &BTreeMap<String, u64>) -> anyhow::Result<(usize, u64)> {
    let mut named = BTreeSet::new();
    let mut source = Source::snapshot(&config.database).await?;
    let note = |mention: Mention| {
        named.insert(mention.name);
    };
    mentions(&mut source, note).await?;
    source.close().await?;
    let (mut removed, mut freed) = (0, 0);
    for (name, bytes) in orphans.iter().filter(|(name, _)| !named.contains(*name)) {
        if storage.delete(&ObjectKey::parse(name)?).await? {
            removed += 1;
            freed += bytes;
        }
    }
    Ok((removed, freed))
}

fn told(compared: &Compared, all: bool) -> String {
    let mut lines = Vec::new();
    let limit = |all: bool| if all { usize::MAX } else { SHOWN };
    for mention in compared.missing.values().take(SHOWN) {
        lines.push(format!("✗ {} is missing: {} of {} names it", mention.name, mention.column, mention.row));
    }
    for (name, bytes) in compared.orphans.iter().take(limit(all)) {
        lines.push(format!("· {name} is named by no row, {}", HumanBytes(*bytes)));
    }
    for (name, bytes) in compared.foreign.iter().take(SHOWN) {
        lines.push(format!("· {name} is no name of ours and is left alone, {}", HumanBytes(*bytes)));
    }
    let Compared { objects, missing, orphans, foreign } = compared;
    let bytes = HumanBytes(orphans.values().sum());
    let (missing, orphans, foreign) = (missing.len(), orphans.len(), foreign.len());
    lines.push(format!(
        "{objects} objects; {missing} missing; {orphans} named by no row, {bytes}; {foreign} with names of others"
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_the_row_that_names_it() {
        let mut compared = Compared { objects: 3, ..Compared::default() };
        let (name, column) = ("p/a.png".to_owned(), "products.pictures".to_owned());
        let mention = Mention { name: name.clone(), needed: true, column, row: "17".to_owned() };
        compared.missing.insert(name, mention);
        compared.orphans.extend((0..30).map(|number| (format!("o/{number}"), 1024)));
        let text = told(&compared, false);
        assert!(text.contains("✗ p/a.png is missing: products.pictures of 17 names it"), "{text}");
        assert!(
            text.ends_with("3 objects; 1 missing; 30 named by no row, 30.00 KiB; 0 with names of others"),
            "{text}"
        );
        assert_eq!((text.lines().count(), told(&compared, true).lines().count()), (22, 32));
    }
}
