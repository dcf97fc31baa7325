//! How the others fare while somebody means harm.

use crate::{
    load,
    machine::Cores,
    open::{Outcome, drive},
    world::World,
};
use comfy_table::{Cell, CellAlignment, Table, presets};
use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// Requests a second of those who mean well.
const RATE: f64 = 300.0;
/// How much longer they may take.
const SLOWER_MAX: f64 = 1.2;
/// Each harm comes so many times: what else the machine does in one of them says nothing. An odd number has a middle.
const ROUNDS: usize = 3;

/// One who means harm: what it says, and what it says again and again after that, until it is sent away. Then it comes back.
struct Harm {
    name: &'static str,
    count: usize,
    first: Vec<u8>,
    again: Vec<u8>,
    every: Duration,
}

fn harms() -> Vec<Harm> {
    let second = Duration::from_secs(1);
    let text = |text: &str| text.as_bytes().to_vec();
    let post = "POST /v1/login HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n";
    vec![
        Harm {
            name: "2,000 half heads",
            count: 2_000,
            first: text("GET / HTTP/1.1\r\nhost: shop\r\n"),
            again: text("x: 1\r\n"),
            every: second,
        },
        Harm { name: "2,000 that say nothing", count: 2_000, first: Vec::new(), again: Vec::new(), every: second },
        Harm {
            name: "500 bodies, a byte a second",
            count: 500,
            first: text(&format!("{post}content-length: 100000\r\n\r\n{{")),
            again: text(" "),
            every: second,
        },
        Harm {
            name: "20 heads of 64 KB, 10 a second each",
            count: 20,
            first: text(&format!("GET / HTTP/1.1\r\nhost: shop\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024))),
            again: Vec::new(),
            every: second / 10,
        },
        Harm {
            name: "20 heads of 1,000 lines, 10 a second each",
            count: 20,
            first: text(&format!("GET / HTTP/1.1\r\nhost: shop\r\n{}\r\n", "x: 1\r\n".repeat(1_000))),
            again: Vec::new(),
            every: second / 10,
        },
        Harm {
            name: "20 nests of 100,000 brackets, 5 a second each",
            count: 20,
            first: text(&format!("{post}connection: close\r\ncontent-length: 100000\r\n\r\n{}", "[".repeat(100_000))),
            again: Vec::new(),
            every: second / 5,
        },
    ]
}

/// Time those who mean well, alone and beside each harm in turn.
pub async fn measure(cores: Cores, time: Duration) -> anyhow::Result<()> {
    let world = World::new(cores, 1).await?;
    let mut node = world.serve(&[])?;
    let port = node.port;
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(["beside", "good", "other", "p50 ms", "p99 ms", "p99 to that alone"]);
    let mut parts = BTreeMap::<_, Vec<f64>>::new();
    let ask = || {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some ten thousand")]
        let count = (RATE * time.as_secs_f64()).ceil() as usize;
        let requests = vec![load::request("GET", "/v1/products?limit=20", &[], b""); count];
        drive(port, requests, RATE, 200, time)
    };
    drop(ask().await?);
    for (harm, _) in harms().iter().flat_map(|harm| (0..ROUNDS).map(move |round| (harm, round))) {
        // Alone before and after each: the machine drifts.
        let before = ask().await?;
        let mut harmful = JoinSet::new();
        for number in 0..harm.count {
            let (first, again, every) = (harm.first.clone(), harm.again.clone(), harm.every);
            // Not all at one moment.
            let wait = every / 100 * u32::try_from(number % 100).unwrap_or(0);
            harmful.spawn(async move {
                tokio::time::sleep(wait).await;
                loop {
                    // A node that sends one away has done right.
                    drop(harass(port, &first, &again, every).await);
                    tokio::time::sleep(every).await;
                }
            });
        }
        tokio::time::sleep(Duration::from_secs(1).min(time)).await;
        let beside = ask().await?;
        harmful.shutdown().await;
        let after = ask().await?;
        node.is_alive()?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let part = beside.good_percentile(99) as f64 * 2.0
            / (before.good_percentile(99) + after.good_percentile(99)).max(1) as f64;
        row(&mut table, "nobody", &before, None);
        row(&mut table, harm.name, &beside, Some(part));
        parts.entry(harm.name).or_default().push(part);
    }
    println!("{table}");
    for (name, mut parts) in parts {
        parts.sort_by(f64::total_cmp);
        let middle = parts[parts.len() / 2];
        let verdict = if middle <= SLOWER_MAX { "holds:" } else { "MISSED:" };
        println!("{verdict} beside {name}, p99 is {:.0} % of that alone (median of {ROUNDS})", middle * 100.0);
    }
    Ok(())
}

async fn harass(port: u16, first: &[u8], again: &[u8], every: Duration) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(first).await?;
    let mut buffer = [0; 1024];
    loop {
        match tokio::time::timeout(every, stream.read(&mut buffer)).await {
            Err(_) => stream.write_all(again).await?,
            Ok(Ok(0) | Err(_)) => return Ok(()),
            Ok(Ok(_)) => {}
        }
    }
}

fn row(table: &mut Table, name: &str, outcome: &Outcome, part: Option<f64>) {
    let ms = |micros: u64| format!("{}.{:02}", micros / 1_000, micros % 1_000 / 10);
    let figures = [
        name.to_owned(),
        outcome.good.to_string(),
        (outcome.refused + outcome.other).to_string(),
        ms(outcome.good_percentile(50)),
        ms(outcome.good_percentile(99)),
        part.map_or_else(String::new, |part| format!("{part:.2}{}", if part > SLOWER_MAX { " !" } else { "" })),
    ];
    let cells = figures.into_iter().enumerate().map(|(place, text)| {
        Cell::new(text).set_alignment(if place == 0 { CellAlignment::Left } else { CellAlignment::Right })
    });
    table.add_row(cells);
}
