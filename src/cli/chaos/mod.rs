//! `weizhan chaos`: everything that goes wrong with payments, done on purpose, and whether the money is right afterwards.
//!
//! The matrix knows the public API, staff's view of it and the simulator's control interface; what it claims it claims
//! from outside. By itself it opens this binary's own backend on a fresh database beside a simulator, on one clock that
//! it moves: hours take milliseconds, and the backend can be killed at any moment. With `--target` it drives a running
//! backend at real time instead and leaves out the kinds that need the clock or the kill.
//!
//! Everything left to chance comes from the printed seed. **How to add a kind:** see `kinds`. **An invariant:** a variant
//! of `Invariant`, and where it is seen: in `books` when it holds after every kind, in the kind otherwise.

mod act;
mod books;
#[cfg(test)]
mod books_test;
mod call;
mod dice;
mod house;
mod kinds;
mod report;
mod scene;
mod settings;
mod violation;
mod world;

use super::{Sources, Told, private};
use crate::{app::random_number, config::Secret};
use anyhow::{Context as _, ensure};
use dice::Dice;
use house::{House, Place, STAFF};
use indicatif::{ProgressBar, ProgressStyle};
use kinds::{KINDS, Kind, Needs};
use report::{Outcome, Report};
use reqwest::Url;
use scene::Scene;
use std::{
    io::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};
use violation::{Invariant, Violation};
use world::World;

/// Options of `chaos`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    matrix: Matrix,
}

#[derive(Debug, clap::Subcommand)]
enum Matrix {
    /// Payments and refunds: callbacks, replies, races, kills.
    Pay(Pay),
}

/// Options of `chaos pay`.
#[derive(Debug, clap::Args)]
struct Pay {
    /// Repeats the run that printed this number.
    #[arg(long)]
    seed: Option<u64>,
    /// Only these kinds, separated by commas; `--list` names them.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = known)]
    only: Vec<&'static str>,
    /// How often each kind is run.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Write the report as JSON too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Name the kinds and do nothing.
    #[arg(long)]
    list: bool,
    /// A running backend, instead of this binary's own.
    #[arg(long, value_name = "URL", requires = "simulator")]
    target: Option<Url>,
    /// The simulator that it is configured with.
    #[arg(long, value_name = "URL", requires = "target")]
    simulator: Option<Url>,
    /// Sign-in name of its staff, who may do everything.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    staff_name: String,
    /// File that holds their password.
    #[arg(long, value_name = "FILE", default_value = ".weizhan/secrets/staff_password")]
    staff_password_file: PathBuf,
    /// How long anything may take there.
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    patience: u64,
    /// An empty database for our own backend, instead of a new SQLite file.
    #[arg(long, value_name = "URL", conflicts_with = "target")]
    database_url: Option<String>,
    /// A Redis for our own backend, instead of memory.
    #[arg(long, value_name = "URL", conflicts_with = "target")]
    redis_url: Option<String>,
    /// What our own backend logs, as of `log.filter`; forgeries make it noisy.
    #[arg(long, value_name = "FILTER", default_value = "off")]
    log: String,
    /// Plant a bug, to see it caught.
    #[cfg(debug_assertions)]
    #[arg(long, hide = true, conflicts_with = "target")]
    plant: Option<crate::planted::Bug>,
}

/// A kind by its name.
fn known(name: &str) -> Result<&'static str, String> {
    let near = || {
        KINDS
            .iter()
            .map(|kind| kind.name)
            .max_by(|one, other| strsim::jaro(one, name).total_cmp(&strsim::jaro(other, name)))
    };
    let found = kinds::find(name).map(|kind| kind.name);
    found.ok_or_else(|| format!("no such kind; the nearest is {}", near().unwrap_or_default()))
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    let Matrix::Pay(pay) = args.matrix;
    let mut out = std::io::stdout();
    if pay.list {
        KINDS.iter().try_for_each(|kind| writeln!(out, "{:<28} {}", kind.name, kind.what))?;
        return Ok(());
    }
    ensure!(pay.rounds > 0, "--rounds is 1 or more");
    #[cfg(debug_assertions)]
    if let Some(bug) = pay.plant {
        ensure!(crate::planted::plant(bug), "one bug at a time");
    }
    // Below 2^53, so that every reader of JSON gives it back unchanged.
    let seed = pay.seed.unwrap_or_else(|| random_number(1 << 53));
    let world = Box::pin(open(&pay, sources)).await?;
    let target = pay.target.as_ref().map_or_else(|| "own".to_owned(), Url::to_string);
    writeln!(out, "chaos pay against {} (--seed {seed})", world.shop.base())?;
    let kinds = Box::pin(play_all(&pay, &world, seed)).await?;
    if let Some(house) = world.house {
        house.close().await?;
    }
    let report = Report { seed, target, kinds };
    if let Some(file) = &pay.report {
        private::write(file, &report.json()?)?;
    }
    writeln!(out, "{}", report.text())?;
    if report.violations().next().is_none() { Ok(()) } else { Err(Told.into()) }
}

/// Their backend, or ours.
async fn open(pay: &Pay, sources: &Sources) -> anyhow::Result<World> {
    let patience = Duration::from_secs(pay.patience);
    if let (Some(target), Some(simulator)) = (&pay.target, &pay.simulator) {
        let password = std::fs::read_to_string(&pay.staff_password_file);
        let password = password.with_context(|| format!("{} cannot be read", pay.staff_password_file.display()))?;
        let staff = (pay.staff_name.clone(), Secret::new(password.trim_end_matches(['\r', '\n'])));
        return World::new((target, simulator), staff, None, patience).await;
    }
    let (database_url, redis_url) = (pay.database_url.clone(), pay.redis_url.clone());
    let house = House::open(Place { sources, database_url, redis_url, log: pay.log.clone() }).await?;
    let (shop, wechat) = (house.shop.clone(), house.wechat.clone());
    let staff = (STAFF.0.to_owned(), Secret::new(STAFF.1));
    World::new((&shop, &wechat), staff, Some(house), patience).await
}

async fn play_all(pay: &Pay, world: &World, seed: u64) -> anyhow::Result<Vec<Outcome>> {
    let kinds: Vec<&Kind> = KINDS.iter().filter(|kind| pay.only.is_empty() || pay.only.contains(&kind.name)).collect();
    // It hides itself when nobody looks at a terminal.
    let bar = ProgressBar::new(u64::try_from(kinds.len())? * u64::from(pay.rounds));
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed} {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(100));
    let mut outcomes = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let began = Instant::now();
        let skipped = match kind.needs {
            _ if world.house.is_some() => None,
            Needs::Nothing => None,
            Needs::Clock => Some("left out: needs a clock that can be moved"),
            Needs::House => Some("left out: needs a shop of its own"),
        };
        let rounds = if skipped.is_none() { pay.rounds } else { 0 };
        let mut violations = Vec::new();
        for round in 0..rounds {
            bar.set_message(kind.name);
            violations.extend(Box::pin(play(world, kind, Dice::new(seed, kind.name, round))).await);
            bar.inc(1);
        }
        let took_ms = began.elapsed().as_millis();
        outcomes.push(Outcome { kind: kind.name, what: kind.what, rounds, skipped, violations, took_ms });
    }
    bar.finish_and_clear();
    Ok(outcomes)
}

/// One round. One that cannot be carried out to its end is a violation too: something that should have gone on did not.
async fn play(world: &World, kind: &'static Kind, dice: Dice) -> Vec<Violation> {
    let stuck = |error: &anyhow::Error| Violation {
        kind: kind.name,
        invariant: Invariant::Alive,
        subject: "the round".to_owned(),
        expected: "that it can be carried out".to_owned(),
        seen: super::chain(error),
    };
    let mut scene = match Scene::open(world, kind.name, dice).await {
        Ok(scene) => scene,
        Err(error) => return vec![stuck(&error)],
    };
    let played = (kind.play)(&mut scene).await;
    let mut violations = scene.violations.clone();
    violations.extend(played.as_ref().err().map(stuck));
    match scene.close().await {
        // The scene's own come back with those of its books.
        Ok(found) => found.into_iter().chain(played.err().as_ref().map(stuck)).collect(),
        Err(error) => {
            violations.push(stuck(&error));
            violations
        }
    }
}
