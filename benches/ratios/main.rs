//! How fast the server is, as a ratio to a bare program that does the same work in the same run: `cargo bench`.
//!
//! The server under load has one core, everything else (generator, simulated WeChat, databases) another; the two are
//! measured in turn, A B A B, and the table shows medians. Processor time for a request is steadier than requests per
//! second: both are shown. Figures of two machines, or of two days, say nothing about each other; ratios do.
//!
//! It talks to nothing but the loopback and is bounded in time. `cargo bench -- --quick` only shows that it runs,
//! `cargo bench -- --only order` takes the loads whose names contain that.
//!
//! **How to add a load:** a line in [`case::CASES`], and in [`bare`] the least code that does its work.

#![expect(unreachable_pub, reason = "nothing outside can reach a bench; `pub` marks what one file offers the others")]

mod bare;
mod case;
mod load;
mod machine;
mod report;
mod rows;
mod servers;
mod wechat;
mod world;

use case::{CASES, Case, On, Side};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use machine::{Cores, cpu_micros};
use report::{Line, Series, table};
use servers::{Mariadb, Redis, installed};
use std::{path::PathBuf, time::Duration};
use wechat::Wechat;
use world::{Backend, Running, World};

/// Ratios of the server to a bare program doing the same work.
#[derive(Debug, Parser)]
struct Args {
    /// One short round: only to see that it runs.
    #[arg(long)]
    quick: bool,
    /// Only loads whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Only on `sqlite` or on `mariadb`.
    #[arg(long, default_value = "")]
    on: String,
    /// Rounds of each.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Length of a round.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Connections that ask at the same time.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Be the bare program, as this file says.
    #[arg(long, hide = true)]
    serve_bare: Option<PathBuf>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// How long, how often, how many.
struct Plan {
    rounds: usize,
    time: Duration,
    warm: Duration,
    connections: usize,
    /// Most requests of a round of those that count once.
    once: usize,
}

impl Plan {
    fn of(args: &Args) -> Self {
        let (rounds, seconds) = if args.quick { (1, 0.2) } else { (args.rounds.max(1), args.seconds.clamp(0.1, 60.0)) };
        let time = Duration::from_secs_f64(seconds);
        // More than the fastest server takes.
        let once = if args.quick { 500 } else { usize::try_from(time.as_millis()).unwrap_or(0) * 4 };
        Self { rounds, time, warm: time / 3, connections: args.connections.max(1), once }
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(file) = &args.serve_bare {
        return bare::serve(file);
    }
    let cores = Cores::part();
    if cores == Cores::Shared {
        eprintln!("server and generator share their cores: ratios are rough");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&args, cores))
}

async fn measure(args: &Args, cores: Cores) -> anyhow::Result<()> {
    let plan = Plan::of(args);
    let mut lines = Vec::new();
    for (name, on) in [("sqlite", On::Sqlite), ("mariadb", On::Mariadb)] {
        let fits = |case: &&Case| case.name.contains(&args.only) && (case.on == On::Any || case.on == on);
        let cases: Vec<&Case> = CASES.iter().filter(fits).collect();
        if cases.is_empty() || !name.contains(&args.on) {
            continue;
        }
        let backend = match on {
            On::Mariadb if !(installed(&["mariadbd", "mysqld"]) && installed(&["redis-server", "valkey-server"])) => {
                eprintln!("MariaDB and Redis are not installed (tests/setup installs them): left out");
                continue;
            }
            On::Mariadb => Backend::Mariadb(Box::new((Mariadb::private(), Redis::private()))),
            _ => Backend::Sqlite,
        };
        let bar = ProgressBar::new((cases.len() * plan.rounds) as u64);
        bar.set_style(ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {msg}")?);
        bar.set_prefix(name);
        bar.set_message("filling the shop");
        let orders = if cases.iter().any(|case| case.takes_money()) { plan.once * (plan.rounds + 1) } else { 0 };
        let world = World::new(backend, Wechat::start().await?, cores, orders).await?;
        for case in cases {
            bar.set_message(case.name);
            let (ours, bare) = rounds(case, &world, &plan, &bar).await?;
            lines.push(Line { name: format!("{name}: {}", case.name), goal: case.goal, ours, bare });
        }
        bar.finish_and_clear();
    }
    println!("{}", table(&lines));
    Ok(())
}

/// Warm both up, then measure them in turn.
async fn rounds(case: &Case, world: &World, plan: &Plan, bar: &ProgressBar) -> anyhow::Result<(Series, Series)> {
    let (ours, bare) = (world.serve(case.settings)?, world.serve_bare()?);
    let mut series = [Series::default(), Series::default()];
    for round in 0..=plan.rounds {
        let time = if round == 0 { plan.warm } else { plan.time };
        for (side, running) in [(Side::Ours, &ours), (Side::Bare, &bare)] {
            let into = &mut series[usize::from(side == Side::Bare)];
            one(case, side, running, world, plan, round, time, into).await?;
        }
        if round == 0 {
            series = [Series::default(), Series::default()];
        } else {
            bar.inc(1);
        }
    }
    let [ours, bare] = series;
    Ok((ours, bare))
}

#[expect(clippy::too_many_arguments, reason = "one round is told all there is to know, once")]
async fn one(
    case: &Case,
    side: Side,
    running: &Running,
    world: &World,
    plan: &Plan,
    round: usize,
    time: Duration,
    into: &mut Series,
) -> anyhow::Result<()> {
    let source = case.requests(side, world, round * plan.once..(round + 1) * plan.once)?;
    let before = cpu_micros(running.pid());
    let status = case.status[usize::from(side == Side::Bare)];
    let outcome = load::drive(running.port, plan.connections, source, status, time).await?;
    let after = cpu_micros(running.pid());
    if let (count @ 1.., example) = outcome.wrong {
        let example = example.unwrap_or_default();
        anyhow::bail!("{} ({side:?}): {count} of {} answers are wrong: {example}", case.name, outcome.answered);
    }
    into.rates.push(outcome.rate);
    into.p99s.push(f64::from(outcome.p99_us));
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let [answered, refused] = [outcome.answered.max(1), outcome.refused].map(|count| count as f64);
    into.refused.push(100.0 * refused / answered);
    if let (Some(before), Some(after)) = (before, after) {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        into.cpus.push((after - before) as f64 / (answered - refused).max(1.0));
    }
    Ok(())
}
