//! How fast WeChat is answered: `cargo bench --bench callback`.
//!
//! Callbacks of payments come at a fixed rate, whether those before were answered or not, to a server on MariaDB, while
//! every reply of the database is late. A callback is measured from the moment it was due. WeChat takes an answer after
//! five seconds, by one page after three, for none, and then calls again.
//!
//! The server has one core, everything else (generator, the late wire, MariaDB, Redis) another. It talks to nothing but
//! the loopback and is bounded in time. `-- --quick` only shows that it runs.
//!
//! **How to add a case:** a line in [`CASES`].

#![expect(unreachable_pub, reason = "nothing outside can reach a bench; `pub` marks what one file offers the others")]

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
mod world;

use clap::Parser;
use comfy_table::{Cell, CellAlignment, Table, presets};
use machine::Cores;
use open::{Outcome, drive};
use proxy::{Direction, Way};
use std::time::Duration;
use world::World;

/// Answers to callbacks while the database is slow.
#[derive(Debug, Parser)]
struct Args {
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

/// So many callbacks a second, while each reply of the database is so late.
struct Case {
    late_ms: u64,
    rate: u32,
}

const CASES: [Case; 4] = [
    Case { late_ms: 0, rate: 500 },
    Case { late_ms: 20, rate: 500 },
    Case { late_ms: 1_000, rate: 5 },
    Case { late_ms: 1_000, rate: 500 },
];

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
    // The wire and WeChat go on while callbacks are signed.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(measure(&args, cores))
}

async fn measure(args: &Args, cores: Cores) -> anyhow::Result<()> {
    let seconds = if args.quick { 0.3 } else { args.seconds.clamp(0.1, 60.0) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most some ten thousand")]
    let counts = CASES.map(|case| (f64::from(case.rate) * seconds).ceil() as usize);
    let mut world = World::new(cores, counts.iter().sum()).await?;
    let mut node = world.serve(&[])?;
    let mut lines = Vec::new();
    for (case, count) in CASES.iter().zip(counts) {
        let requests = world.notices(count);
        node.is_alive()?;
        let late = Duration::from_millis(case.late_ms);
        world.wire.set(Direction::Replies, if late.is_zero() { Way::Open } else { Way::Slow(late) });
        let outcome = drive(node.port, requests, case.rate).await?;
        let waiting = world.waiting().await?;
        world.wire.heal();
        lines.push((case, outcome, waiting));
        world.come_to_rest().await?;
    }
    println!("{}", table(&lines));
    for (case, outcome, _) in &lines {
        if let Some(example) = &outcome.example {
            println!("{} of those at {} ms: {example}", outcome.other, case.late_ms);
        }
    }
    Ok(())
}

fn table(lines: &[(&Case, Outcome, i64)]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header([
        "database late",
        "rate/s",
        "sent",
        "2xx",
        "other",
        "p50 ms",
        "p99 ms",
        "max ms",
        "unsettled at the end",
    ]);
    for (case, outcome, waiting) in lines {
        let ms = |micros: u64| format!("{}.{}", micros / 1_000, micros % 1_000 / 100);
        let figures = [
            format!("{} ms", case.late_ms),
            case.rate.to_string(),
            outcome.sent().to_string(),
            outcome.taken.to_string(),
            outcome.other.to_string(),
            ms(outcome.percentile(50)),
            ms(outcome.percentile(99)),
            ms(outcome.percentile(100)),
            waiting.to_string(),
        ];
        table.add_row(figures.map(|text| Cell::new(text).set_alignment(CellAlignment::Right)));
    }
    table
}
