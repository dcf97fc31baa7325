//! `weizhan jobs run figures`: figures of days that are over, made anew from the events. Each day is committed by itself, so
//! whoever is interrupted goes on where it was; doing it again changes nothing.

use crate::{
    app::{App, Role, SystemClock},
    cli::{Sources, Told},
    model::{figure::Period, time::Day},
    service::{Error, Never, figure},
    telemetry,
};
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use std::{io::Write as _, sync::Arc, time::Duration};

/// Most days of one call.
const DAYS_MAX: u64 = 3_660;

/// Options of `jobs run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, clap::Subcommand)]
enum Work {
    /// Retention, funnels, and the comparison of streamed figures with the events; exits 1 when they differ.
    Figures(Figures),
}

/// Options of `jobs run figures`.
#[derive(Debug, clap::Args)]
struct Figures {
    /// The first day, such as 2026-11-22.
    #[arg(long, value_name = "DAY")]
    from: Day,
    /// The last day; the first one unless it is said.
    #[arg(long, value_name = "DAY")]
    to: Option<Day>,
    /// Also days for which no event has come since they were rolled up.
    #[arg(long)]
    again: bool,
    /// Put the figures of the events in the place of streamed ones that differ.
    #[arg(long)]
    repair: bool,
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    let Work::Figures(args) = args.work;
    let period = Period { from: args.from, to: args.to.unwrap_or(args.from) };
    if period.from > period.to || period.length() > DAYS_MAX {
        anyhow::bail!("--from must not be after --to, and at most {DAYS_MAX} days");
    }
    let config = sources.for_tools()?;
    telemetry::init(&config.log);
    let app = App::open(config, Arc::new(SystemClock), Role::Tool).await?;
    // Whoever interrupts takes the process away; the day under way is rolled back.
    let outcome = figures(&app, &args, period).await;
    app.shut_down().await;
    if outcome? { Ok(()) } else { Err(Told.into()) }
}

/// Roll the days up; whether all figures were those of the events.
async fn figures(app: &App, args: &Figures, period: Period) -> anyhow::Result<bool> {
    figure::catch_up(app).await.map_err(told).context("counting what has come")?;
    let (mut due, mut rows, mut skipped) = (Vec::new(), 0, 0);
    for day in period.days() {
        let (is_due, events) = figure::is_due(app, day).await.map_err(told)?;
        if is_due || args.again || args.repair {
            rows += u64::try_from(events)?;
            due.push(day);
        } else {
            skipped += 1;
        }
    }
    // It hides itself when nobody looks at a terminal.
    let bar = ProgressBar::new(rows);
    let form = "{bar:30} {human_pos}/{human_len} events  {per_sec}  {eta} left  {msg}";
    bar.set_style(ProgressStyle::with_template(form)?);
    bar.enable_steady_tick(Duration::from_millis(100));
    let (mut differing, mut events, days) = (Vec::new(), 0, due.len());
    for day in due {
        bar.set_message(day.to_string());
        let row = figure::roll_up(app, day, args.repair, |more| bar.inc(more)).await.map_err(told);
        let row = row.with_context(|| format!("{day}; run it again to go on from there"))?;
        events += row.events;
        if row.differences > 0 {
            differing.push(row);
        }
    }
    bar.finish_and_clear();
    let mut out = std::io::stdout();
    for row in &differing {
        writeln!(out, "✗ {}: {} windows differ, such as {}", row.day, row.differences, row.example)?;
    }
    let mark = if differing.is_empty() { "✓" } else { "✗" };
    writeln!(out, "{mark} {days} days with {events} events rolled up, {skipped} were so already")?;
    Ok(differing.is_empty())
}

fn told(error: Error<Never>) -> anyhow::Error {
    match error {
        Error::Refused(never) => match never {},
        Error::Fault(fault) => anyhow::anyhow!(fault.chain()),
    }
}
