//! How fast figures are counted, and shown: `cargo bench --bench figures`.
//!
//! One day of events after the other is put into the log of an empty shop, about in the order of their time, and counted:
//! first as it streams in, then once more by the daily batch, which compares. Real time is a day a day, so a day that takes
//! 864 s is 100 times real time. What an event costs must not grow with how many there are. Then each series of 90 days is
//! asked for, as a dashboard does.
//!
//! It talks to nothing but the loopback. `-- --events 10000000` is minutes of work; `-- --on mariadb` takes a server.

#![expect(unreachable_pub, reason = "nothing outside can reach a bench; `pub` marks what one file offers the others")]

mod events;
#[path = "../ratios/servers.rs"]
#[expect(dead_code, unused_imports, reason = "neither Redis nor a server of ours is needed here")]
mod servers;

use anyhow::Context as _;
use clap::Parser;
use comfy_table::{Table, presets};
use events::Crowd;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use servers::{Folder, Mariadb};
use sqlx::{Connection as _, Executor as _, MySqlConnection};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use weizhan::{
    app::{App, Role, SystemClock},
    config::Config,
    data,
    model::{
        figure::{Grain, Metric, Period, Scope},
        time::Day,
    },
    service::figure::{self, Wanted},
    simulator::{Options, Simulator},
    wechat::pay::sign::random_text,
};

/// Events that are put into the log in one transaction.
const CHUNK: u64 = 1_000;
/// Milliseconds of a day.
const MS_PER_DAY: u128 = 86_400_000;
/// Days of a series.
const DAYS: u64 = 90;
/// Events of each day of the shop that is shown.
const SHOWN: u64 = 300;
/// How often each series is asked for.
const ASKED: usize = 21;

/// How fast figures are counted, and shown.
#[derive(Debug, Parser)]
struct Args {
    /// Events of a day; once for each day that is tried.
    #[arg(long, default_values_t = [100_000, 1_000_000])]
    events: Vec<u64>,
    /// sqlite or mariadb.
    #[arg(long, default_value = "sqlite")]
    on: String,
    /// A moment of each: only to see that it runs.
    #[arg(long)]
    quick: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A database of its own, gone with it.
struct Place {
    folder: Folder,
    mariadb: Option<Mariadb>,
}

impl Place {
    fn new(on: &str) -> anyhow::Result<Self> {
        let mariadb = match on {
            "sqlite" => None,
            "mariadb" => Some(Mariadb::private()),
            other => anyhow::bail!("--on is sqlite or mariadb, not {other}"),
        };
        Ok(Self { folder: Folder::new("figures"), mariadb })
    }

    /// An empty shop.
    #[expect(clippy::disallowed_methods, reason = "the name of a database cannot be a parameter")]
    async fn shop(&self, name: &str) -> anyhow::Result<App> {
        let url = match &self.mariadb {
            None => format!("sqlite:{}", self.folder.path().join(format!("{name}.db")).display()),
            Some(mariadb) => {
                let mut connection = MySqlConnection::connect(&mariadb.url_base()).await?;
                connection.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
                format!("{}/{name}", mariadb.url_base())
            }
        };
        let config = Config::load(Some(&self.settings(name, &url)?), std::iter::empty(), &[])?;
        App::open(config, Arc::new(SystemClock), Role::Tool).await.context("the shop opens")
    }

    /// The file of what this shop is run with. WeChat's keys are asked for and never used.
    fn settings(&self, name: &str, database: &str) -> anyhow::Result<PathBuf> {
        let app = ("wxfigures000000001".to_owned(), random_text(32));
        let simulator = Simulator::new(Options {
            clock: Arc::new(SystemClock),
            journal: None,
            keys: None,
            apps: vec![app.clone()],
            mchid: "1910000001".to_owned(),
            api_v3_key: random_text(32),
            speed: 1.0,
            automatic: false,
        })?;
        let (materials, nowhere) = (simulator.materials(), "http://127.0.0.1:1");
        let settings = json!({
            "database": { "url": database },
            "storage": { "directory": self.folder.path().join("objects") },
            "auth": { "token_key": random_text(48) },
            "privacy": { "data_key": random_text(48) },
            "wechat": { "base_url": nowhere, "apps": [{ "appid": app.0, "secret": app.1 }] },
            "pay": {
                "base_url": nowhere,
                "notify_base_url": nowhere,
                "mchid": materials.mchid,
                "merchant_serial": materials.merchant_serial,
                "merchant_key": materials.merchant_key_pem,
                "api_v3_key": materials.api_v3_key,
                "public_key_id": materials.public_key_id,
                "public_key": materials.public_key_pem,
            },
        });
        let file = self.folder.path().join(format!("{name}.toml"));
        std::fs::write(&file, toml::to_string(&settings)?)?;
        Ok(file)
    }
}

fn bar(length: u64, what: &str) -> anyhow::Result<ProgressBar> {
    let bar = ProgressBar::new(length).with_message(what.to_owned());
    bar.set_style(ProgressStyle::with_template("{msg:10} {bar:30} {human_pos}/{human_len}  {per_sec}  {eta} left")?);
    Ok(bar)
}

/// Put a day into the log.
async fn tell(app: &App, crowd: &mut Crowd, day: Day, count: u64, bar: &ProgressBar) -> anyhow::Result<()> {
    let mut told = 0;
    while told < count {
        let most = (count - told).min(CHUNK);
        let moment = |number: u64| i64::try_from(u128::from(number) * MS_PER_DAY / u128::from(count)).unwrap_or(0);
        let events: Vec<_> = (told..told + most).map(|number| crowd.event(day, moment(number))).collect();
        let mut session = app.database.write().await?;
        let new = data::event::append(&mut session, &events).await?;
        session.commit().await?;
        anyhow::ensure!(new == events.len(), "events were known already");
        told += most;
        bar.inc(most);
    }
    Ok(())
}

/// Count a day of so many events; how long the log, the stream and the batch took.
async fn count(place: &Place, events: u64) -> anyhow::Result<[Duration; 3]> {
    let app = place.shop(&format!("shop{events}")).await?;
    let day = Day(app.now().day()).before(1);
    let told = bar(events, "told")?;
    let began = Instant::now();
    tell(&app, &mut Crowd::of(events), day, events, &told).await?;
    told.finish_and_clear();
    let log = began.elapsed();

    let began = Instant::now();
    let counted = figure::catch_up(&app).await?;
    let stream = began.elapsed();
    anyhow::ensure!(u64::try_from(counted)? == events, "{counted} of {events} were counted");

    let compared = bar(events, "compared")?;
    let began = Instant::now();
    let row = figure::roll_up(&app, day, false, |read| compared.inc(read)).await?;
    compared.finish_and_clear();
    let batch = began.elapsed();
    anyhow::ensure!(row.differences == 0, "the stream differs from the events: {}", row.example);
    app.shut_down().await;
    Ok([log, stream, batch])
}

/// Ask for each series of 90 days; the slowest, in the middle and at worst.
async fn show(place: &Place, events: u64) -> anyhow::Result<Vec<(Metric, Duration, Duration)>> {
    let app = place.shop("shown").await?;
    let last = Day(app.now().day()).before(1);
    let period = Period { from: last.before(DAYS - 1), to: last };
    let (mut crowd, told) = (Crowd::of(events * DAYS), bar(events * DAYS, "told")?);
    for day in period.days() {
        tell(&app, &mut crowd, day, events, &told).await?;
        figure::catch_up(&app).await?;
        figure::roll_up(&app, day, false, |_| {}).await?;
    }
    told.finish_and_clear();
    let mut rows = Vec::new();
    for metric in Metric::ALL.iter().copied() {
        let (scope, key) = (Scope::Shop, String::new());
        let wanted = Wanted { metric, grain: Grain::Day, scope, key, period, compare: true };
        let mut took = Vec::new();
        for _ in 0..ASKED {
            let began = Instant::now();
            let series = figure::series(&app, &wanted).await?;
            took.push(began.elapsed());
            anyhow::ensure!(series.points.len() == usize::try_from(DAYS)?, "days are left out");
        }
        took.sort_unstable();
        rows.push((metric, took[ASKED / 2], took[ASKED - 1]));
    }
    let began = Instant::now();
    let totals = figure::totals(&app, (Scope::Shop, ""), period).await?;
    anyhow::ensure!(totals.unique_visitors.is_some_and(|(now, _)| now > 0), "nobody was seen");
    println!("totals of {DAYS} days with distinct visitors: {} ms", began.elapsed().as_millis());
    app.shut_down().await;
    Ok(rows)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let place = Place::new(&args.on)?;
    let days = if args.quick { vec![1_000, 2_000] } else { args.events };
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["events of the day", "log, a second", "stream, µs each", "× real time", "batch, µs each", "×"]);
    for events in days {
        let [log, stream, batch] = count(&place, events).await?;
        let each = |took: Duration| took.as_micros() / u128::from(events);
        let times = |took: Duration| 86_400_000 / took.as_millis().max(1);
        table.add_row([
            events.to_string(),
            (u128::from(events) * 1_000 / log.as_millis().max(1)).to_string(),
            each(stream).to_string(),
            times(stream).to_string(),
            each(batch).to_string(),
            times(batch).to_string(),
        ]);
    }
    println!("{}:\n{table}", args.on);
    let shown = show(&place, if args.quick { 20 } else { SHOWN }).await?;
    let worst = shown.iter().max_by_key(|(.., worst)| *worst).context("there are metrics")?;
    let slowest = shown.iter().max_by_key(|(_, middle, _)| *middle).context("there are metrics")?;
    println!(
        "series of {DAYS} days, with the {DAYS} before: slowest {} with {} µs, at worst {} with {} µs; {} metrics",
        slowest.0,
        slowest.1.as_micros(),
        worst.0,
        worst.2.as_micros(),
        shown.len()
    );
    Ok(())
}
