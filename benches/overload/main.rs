//! What becomes of more than can be carried.
//!
//! The server's database is at the end of a wire that is 20 ms long, and it has eight connections: so it can carry some
//! hundred reads a second, whatever the machine can. First as many as it takes are asked of it, then once, three and ten
//! times that at fixed moments, whatever is answered (open loop), while WeChat's callbacks keep coming; then half of it
//! again, until nobody is refused any more. With `abuse`, those who mean harm are there instead, and the others are timed.

#![expect(unreachable_pub, reason = "nothing outside can reach a bench; `pub` marks what one file offers the others")]

mod abuse;
#[path = "../ratios/load.rs"]
#[expect(dead_code, reason = "ratios are driven in another manner")]
mod load;
#[path = "../ratios/machine.rs"]
#[expect(dead_code, reason = "only the cores matter here")]
mod machine;
mod open;
#[path = "../../tests/it/support/proxy.rs"]
#[expect(dead_code, reason = "tests do more to a wire than make it long")]
mod proxy;
#[path = "../ratios/rows.rs"]
mod rows;
#[path = "../ratios/servers.rs"]
mod servers;
#[path = "../ratios/wechat.rs"]
#[expect(dead_code, reason = "nobody signs in here")]
mod wechat;
#[path = "../callback/world.rs"]
#[expect(dead_code, reason = "what callbacks leave to be settled is not looked at here")]
mod world;

use bytes::Bytes;
use clap::{Parser, ValueEnum};
use comfy_table::{Cell, CellAlignment, Table, presets};
use machine::Cores;
use open::{Outcome, drive};
use proxy::{Direction, Way};
use std::time::Duration;
use world::World;

/// How late each reply of the database is.
const WIRE: Duration = Duration::from_millis(20);
const CONNECTIONS: &str = "8";
/// Callbacks a second, all the time. Settling one takes a connection for ten replies and more.
const CALLBACKS: u32 = 2;
/// What must be kept: 90 % of the peak, refusals within 20 ms, an end of refusals within 10 s.
const GOOD_MIN: f64 = 0.9;
const REFUSED_WITHIN_US: u64 = 20_000;
const RECOVERY_MAX: Duration = Duration::from_secs(10);

/// Overload and abuse.
#[derive(Debug, Parser)]
struct Args {
    /// What comes.
    #[arg(value_enum, default_value = "load")]
    kind: Kind,
    /// A moment of each: only to see that it runs.
    #[arg(long)]
    quick: bool,
    /// Length of a case.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Too much of what is right.
    Load,
    /// What is wrong.
    Abuse,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if !(servers::installed(&["mariadbd", "mysqld"]) && servers::installed(&["redis-server", "valkey-server"])) {
        eprintln!("MariaDB and Redis are not installed (tests/setup installs them)");
        return Ok(());
    }
    let cores = Cores::part();
    if cores == Cores::Shared {
        eprintln!("server and generator share their cores: figures are rough");
    }
    let seconds = if args.quick { 1.0 } else { args.seconds.clamp(1.0, 120.0) };
    let time = Duration::from_secs_f64(seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        match args.kind {
            Kind::Load => Box::pin(measure(cores, time)).await,
            Kind::Abuse => Box::pin(abuse::measure(cores, time)).await,
        }
    })
}

/// Requests that are answered from the database alone: products that there are not, each another one.
fn reads(first: u64, count: usize) -> Vec<Bytes> {
    (first..).take(count).map(|id| load::request("GET", &format!("/v1/products/{id}"), &[], b"")).collect()
}

struct Line {
    name: String,
    rate: f64,
    reads: Outcome,
    callbacks: Outcome,
}

async fn measure(cores: Cores, time: Duration) -> anyhow::Result<()> {
    let seconds = time.as_secs_f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousand")]
    let callbacks = |seconds: f64| (f64::from(CALLBACKS) * seconds).ceil() as usize;
    let mut world = World::new(cores, 8 * callbacks(seconds) + 8).await?;
    let mut node = world.serve(&[("WEIZHAN__DATABASE__CONNECTIONS_MAX", CONNECTIONS)])?;
    world.wire.set(Direction::Replies, Way::Slow(WIRE));
    let mut next = 1_u64 << 40;
    // As many as it takes: twelve that ask again as soon as they are answered. That is called saturation.
    let mut peak = 0.0_f64;
    let source = {
        let mut id = next;
        move || {
            id += 1;
            reads(id, 1).pop()
        }
    };
    for time in [Duration::from_secs(1), time] {
        let source: load::Source<'_> = Box::new(source);
        let told = world.notices(callbacks(time.as_secs_f64()));
        let (closed, _) = tokio::try_join!(
            load::drive(node.port, 12, source, 404, time),
            drive(node.port, told, f64::from(CALLBACKS), 204, time)
        )?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let good = (closed.answered - closed.wrong.0) as f64 / closed.answered.max(1) as f64;
        peak = closed.rate * good;
        println!("closed loop of 12 for {time:?}: {peak:.0} a second, p99 {} ms", closed.p99_us / 1_000);
        next += 1 << 30;
    }
    let mut lines: Vec<Line> = Vec::new();
    for times in [0.1, 0.5, 1.0, 3.0, 10.0, 0.5] {
        let rate = peak * times;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some ten thousand")]
        let count = (rate * seconds).ceil() as usize;
        let (asked, told) = (reads(next, count), world.notices(callbacks(seconds)));
        next += 1 << 30;
        node.is_alive()?;
        let (reads, callbacks) = tokio::try_join!(
            drive(node.port, asked, rate, 404, time),
            drive(node.port, told, f64::from(CALLBACKS), 204, time)
        )?;
        for example in [&reads, &callbacks].into_iter().filter_map(|outcome| outcome.example.as_ref()) {
            println!("other than expected: {example}");
        }
        lines.push(Line { name: format!("{times}×"), rate, reads, callbacks });
    }
    println!("{}", table(&lines));
    judge(&lines, peak);
    Ok(())
}

fn judge(lines: &[Line], peak: f64) {
    let say = |holds: bool, what: String| println!("{} {what}", if holds { "holds:" } else { "MISSED:" });
    for line in lines.iter().filter(|line| line.rate > peak * 2.0) {
        let part = line.reads.good_rate() / peak.max(1.0);
        say(part >= GOOD_MIN, format!("goodput at {} is {:.0} % of the peak", line.name, part * 100.0));
        let refused = line.reads.refused_percentile(99);
        let text = format!("99 % of refusals at {} within {}.{} ms", line.name, refused / 1_000, refused % 1_000 / 100);
        say(refused <= REFUSED_WITHIN_US, text);
        say(line.callbacks.refused + line.callbacks.other == 0, format!("callbacks at {} are all taken", line.name));
    }
    if let Some(last) = lines.last() {
        let calm = last.reads.last_refusal();
        say(calm <= RECOVERY_MAX, format!("the last refusal came {} ms after the load fell", calm.as_millis()));
    }
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header([
        "load",
        "rate/s",
        "good/s",
        "refused",
        "other",
        "good p50 ms",
        "good p99 ms",
        "refused p50 ms",
        "refused p99 ms",
        "callbacks",
        "callback p99 ms",
    ]);
    let ms = |micros: u64| format!("{}.{}", micros / 1_000, micros % 1_000 / 100);
    for line in lines {
        let (reads, callbacks) = (&line.reads, &line.callbacks);
        let figures = [
            line.name.clone(),
            format!("{:.0}", line.rate),
            format!("{:.0}", reads.good_rate()),
            reads.refused.to_string(),
            reads.other.to_string(),
            ms(reads.good_percentile(50)),
            ms(reads.good_percentile(99)),
            ms(reads.refused_percentile(50)),
            ms(reads.refused_percentile(99)),
            format!("{} of {}", callbacks.good, callbacks.good + callbacks.refused + callbacks.other),
            ms(callbacks.good_percentile(99)),
        ];
        table.add_row(figures.map(|text| Cell::new(text).set_alignment(CellAlignment::Right)));
    }
    table
}
