//! `weizhan export`: days of events, orders or figures as Parquet files, for Spark and its like.

use super::Sources;
use crate::model::{export::ExportTable, time::Day};
use std::path::PathBuf;

/// Options of `export`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `events`, `orders` or `figures`.
    #[arg(value_name = "TABLE")]
    table: ExportTable,
    /// The first day in Shanghai, such as 2026-11-22; yesterday unless it is said.
    #[arg(long, value_name = "DAY")]
    from: Option<Day>,
    /// The last day; the first one unless it is said.
    #[arg(long, value_name = "DAY")]
    to: Option<Day>,
    /// Folder for the files; without it they go to the object store, where nobody is served of them.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also replace a day by one with fewer rows, as it is after the shop has forgotten some.
    #[arg(long)]
    overwrite: bool,
}

#[cfg(not(feature = "parquet"))]
pub(super) async fn run(_: Args, _: &Sources) -> anyhow::Result<()> {
    std::future::ready(()).await;
    anyhow::bail!(
        "this program was built without Parquet; `cargo build --release --features parquet` makes one with it"
    )
}

#[cfg(feature = "parquet")]
pub(super) use with_parquet::run;

#[cfg(feature = "parquet")]
mod with_parquet {
    use super::{Args, Sources};
    use crate::{
        app::{App, Role, SystemClock},
        model::time::Day,
        service::export::{self, Exported, Outcome, Progress, Span},
        storage::Lake,
        telemetry,
    };
    use anyhow::ensure;
    use comfy_table::{Table, presets};
    use indicatif::{ProgressBar, ProgressStyle};
    use std::{io::Write as _, sync::Arc, time::Duration};

    /// More at once would keep too many files open.
    const DAYS_MAX: u64 = 400;

    pub(in crate::cli) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
        let config = sources.for_tools()?;
        telemetry::init(&config.log);
        let app = App::open(config, Arc::new(SystemClock), Role::Tool).await?;
        let exported = carry(&app, args).await;
        app.shut_down().await;
        writeln!(std::io::stdout(), "{}", exported?)?;
        Ok(())
    }

    async fn carry(app: &App, args: Args) -> anyhow::Result<String> {
        let from = args.from.or(args.to).unwrap_or_else(|| Day(app.now().day()).before(1));
        let to = args.to.unwrap_or(from);
        ensure!(from <= to, "--from is behind --to");
        ensure!(to.before(DAYS_MAX - 1) <= from, "at most {DAYS_MAX} days at once");
        let lake = args.out.map_or_else(|| app.storage.lake(), Lake::at);
        // It hides itself when nobody looks at a terminal.
        let bar = ProgressBar::new(0);
        bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} rows, {per_sec}, {eta} left")?);
        bar.enable_steady_tick(Duration::from_millis(100));
        let span = Span { table: args.table, from, to, overwrite: args.overwrite };
        let exported = export::run(app, &lake, span, |progress| match progress {
            Progress::Total(rows) => bar.set_length(rows),
            Progress::Read(rows) => bar.inc(rows),
        })
        .await;
        bar.finish_and_clear();
        let exported = exported?;
        Ok(format!("{}\n{} is in {}", as_table(&exported), args.table, lake.place(args.table.word())))
    }

    fn as_table(exported: &[Exported]) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["day", "rows", "bytes", "sha256", ""]);
        for Exported { manifest, outcome } in exported {
            let told = match outcome {
                Outcome::Written => "written".to_owned(),
                Outcome::Unchanged => "unchanged".to_owned(),
                Outcome::Kept(rows) => format!("kept: the shop has {rows} of these rows left"),
            };
            let told = if manifest.over { told } else { format!("{told}; the day is not over") };
            let (rows, bytes) = (manifest.rows.to_string(), manifest.bytes.to_string());
            table.add_row([&manifest.day.to_string(), &rows, &bytes, &manifest.sha256[..12], &told]);
        }
        table.to_string()
    }
}
