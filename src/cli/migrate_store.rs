//! `weizhan migrate-store`: the rows of one database into another, from SQLite to MySQL when a shop has grown, or back.

use super::{Sources, Told, verify};
use crate::{
    app::SystemClock,
    config::{self, Purpose, Secret},
    data::{
        Database,
        transfer::{self, Digest, Source, Table, Target},
    },
    telemetry,
};
use anyhow::{Context as _, ensure};
use comfy_table::presets;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::Instant,
};

/// Options of `migrate-store`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The database that is read, `sqlite:FILE` or `mysql://…`. Nobody may serve it.
    #[arg(long, value_name = "URL", required_unless_present = "from_file")]
    from: Option<String>,
    /// File that holds it: a password on a command line is seen by everybody on the machine.
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    from_file: Option<PathBuf>,
    /// The database that is filled. It is brought to the schema of this binary, and must be empty.
    #[arg(long, value_name = "URL", required_unless_present = "to_file")]
    to: Option<String>,
    /// File that holds it.
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    to_file: Option<PathBuf>,
    /// Copy nothing; only compare two databases that should hold the same.
    #[arg(long)]
    compare: bool,
}

/// What a table holds on both sides.
struct Compared {
    table: String,
    from: Digest,
    to: Digest,
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    let from = url(args.from, args.from_file.as_deref())?;
    let to = url(args.to, args.to_file.as_deref())?;
    ensure!(from != to, "--from and --to name the same database");
    let config = sources.load(Purpose::Dev, &[("log.filter", "warn".to_owned())])?;
    telemetry::init(&config.log);
    let at = |url: String| config::Database { url: Secret::new(url), ..config.database.clone() };
    let (from, to) = (at(from), at(to));
    let began = Instant::now();
    let mut source = Source::open(&from, &SystemClock).await.context("--from")?;
    let tables = source.tables().to_vec();
    let (mut target, held) = if args.compare {
        let target = Target::filled(&to, source.schema()).await.context("--to")?;
        let mut held = Vec::new();
        for table in &tables {
            let bar = bar("read", table, source.count(table).await?)?;
            held.push(source.digest(table, |rows| bar.inc(rows)).await.with_context(|| table.name.clone())?);
            bar.finish_and_clear();
        }
        (target, held)
    } else {
        let mut target = Target::open(&to, source.schema()).await.context("--to")?;
        if target.began_before {
            println!("a copy before this one was not finished: it is started over");
        }
        let mut held = Vec::new();
        for table in &tables {
            held.push(copy(&mut source, &mut target, table).await?);
        }
        (target, held)
    };
    let mut compared = Vec::new();
    for (table, from) in tables.iter().zip(held) {
        let bar = bar("check", table, from.rows)?;
        let to = target.digest(table, |rows| bar.inc(rows)).await.with_context(|| table.name.clone())?;
        bar.finish_and_clear();
        compared.push(Compared { table: table.name.clone(), from, to });
    }
    source.close().await.context("--from")?;
    writeln!(std::io::stdout(), "{}", told(&compared, began))?;
    if compared.iter().any(|table| table.from != table.to) {
        return Err(Told.into());
    }
    if args.compare {
        return Ok(());
    }
    target.finish().await.context("--to")?;
    let database = Database::open(&to).await.context("--to")?;
    let verified = verify::on(&database, false).await;
    database.close().await;
    println!("objects (pictures) are not rows: they stay where storage keeps them");
    verified
}

/// The address, from the command line or a file.
fn url(given: Option<String>, file: Option<&Path>) -> anyhow::Result<String> {
    let url = match (given, file) {
        (Some(url), _) => url,
        (None, Some(file)) => {
            std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
        }
        (None, None) => String::new(),
    };
    let url = url.trim();
    let known = ["sqlite:", "mysql://"].iter().any(|scheme| url.starts_with(scheme));
    ensure!(known, "an address is sqlite:FILE or mysql://user:password@host:port/name");
    Ok(url.to_owned())
}

async fn copy(source: &mut Source, target: &mut Target, table: &Table) -> anyhow::Result<Digest> {
    let bar = bar("copy", table, source.count(table).await?)?;
    let copied = transfer::copy(source, target, table, |rows| bar.inc(rows)).await;
    bar.finish_and_clear();
    copied.with_context(|| table.name.clone())
}

/// It hides itself when nobody looks at a terminal.
fn bar(act: &'static str, table: &Table, rows: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg:5} {prefix:24} {bar:30} {pos}/{len} rows, {per_sec}, {eta} left")?;
    Ok(ProgressBar::new(rows).with_style(style).with_prefix(table.name.clone()).with_message(act))
}

fn told(compared: &[Compared], began: Instant) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["", "table", "rows", "checksum", "in the target"]);
    for Compared { table: name, from, to } in compared {
        let (mark, there) =
            if from == to { ("✓", String::new()) } else { ("✗", format!("{} rows, {}", to.rows, to.short())) };
        table.add_row([mark, name, &from.rows.to_string(), &from.short(), &there]);
    }
    let rows: u64 = compared.iter().map(|table| table.from.rows).sum();
    let same = compared.iter().filter(|table| table.from == table.to).count();
    let ms = began.elapsed().as_millis();
    format!("{table}\n{same} of {} tables are the same; {rows} rows in {ms} ms", compared.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_from_the_line_or_from_a_file() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("url");
        std::fs::write(&file, "mysql://a:b@c/d\n").expect("written");
        assert_eq!(url(None, Some(&file)).expect("read"), "mysql://a:b@c/d");
        assert_eq!(url(Some("sqlite:x.db".to_owned()), None).expect("given"), "sqlite:x.db");
        for wrong in ["postgres://a", "", "x.db"] {
            assert!(url(Some(wrong.to_owned()), None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_difference_is_seen() {
        let digest = |rows| {
            let mut digest = Digest::default();
            digest.rows = rows;
            digest
        };
        let one = |to| Compared { table: "orders".to_owned(), from: digest(2), to: digest(to) };
        assert!(told(&[one(2)], Instant::now()).contains("1 of 1 tables are the same; 2 rows"));
        let text = told(&[one(3)], Instant::now());
        assert!(text.contains('✗') && text.contains("3 rows") && text.contains("0 of 1 tables"), "{text}");
    }
}
