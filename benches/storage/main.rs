//! What a large object costs on its way through the server: `cargo bench --bench storage`.
//!
//! A file of 1 GiB is downloaded from our server (`GET /objects/…`, the program as it is deployed) and from a bare copy through
//! hyper, in turns, and put through the storage's writer and through the bare program, which flushes to the disk as the storage
//! does. Told are MiB/s of each, the ratio, and how much memory the server takes above what it has when nobody asks. With
//! `--cos` the same from and into a simulated COS on this machine, which takes most of its time; then only the memory says
//! something.
//!
//! No route of the server takes so large a body (pictures have 10 MiB, larger files go to COS directly), so the writer stands
//! behind one of this bench. It talks to nothing but the loopback.

#![expect(unreachable_pub, reason = "nothing outside can reach a bench; `pub` marks what one file offers the others")]

mod serve;
#[path = "../ratios/servers.rs"]
#[expect(dead_code, unused_imports, reason = "no database server is needed here")]
mod servers;

use anyhow::{Context as _, ensure};
use clap::Parser;
use comfy_table::{Table, presets};
use serde_json::json;
use servers::{Folder, ServerProcess, free_port};
use std::{
    io::Write as _,
    net::TcpStream,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weizhan::{
    app::SystemClock,
    simulator::{CosOptions, CosSimulator, Options, Simulator},
    wechat::pay::sign::random_text,
};

const MIB: u64 = 1 << 20;
/// What must hold.
const RATIO_MIN: f64 = 0.7;
const MEMORY_MIB_MAX: u64 = 64;

/// What a large object costs on its way through the server.
#[derive(Debug, Parser)]
struct Args {
    /// MiB of the object.
    #[arg(long, default_value_t = 1024)]
    mib: u64,
    /// How often each way is gone.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Also from and into a simulated COS.
    #[arg(long)]
    cos: bool,
    /// A moment of each: only to see that it runs.
    #[arg(long)]
    quick: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
    /// The bare program, on this port and in this folder.
    #[arg(long, hide = true, num_args = 2)]
    serve_bare: Option<Vec<String>>,
    /// The storage's writer, on this port with these settings.
    #[arg(long, hide = true, num_args = 2)]
    serve_writer: Option<Vec<String>>,
}

/// A server in a process of its own.
struct Served {
    port: u16,
    process: ServerProcess,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Down(&'static str),
    Up,
}

/// What became of one server and way.
#[derive(Debug, Default)]
struct Measured {
    mib_per_second: Vec<f64>,
    /// The most above idle, in MiB.
    memory: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = Args::parse();
    if let Some(given) = &args.serve_bare {
        return serve::bare(given[0].parse()?, PathBuf::from(&given[1])).await;
    }
    if let Some(given) = &args.serve_writer {
        return serve::writer(given[0].parse()?, PathBuf::from(&given[1])).await;
    }
    if args.quick {
        (args.mib, args.rounds) = (32, 1);
    }
    let folder = Folder::new("storage");
    let objects = folder.path().join("objects");
    std::fs::create_dir_all(&objects)?;
    fill(&objects.join("big.bin"), args.mib)?;
    std::fs::copy(objects.join("big.bin"), folder.path().join("bare.bin"))?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["", "bare MiB/s", "ours MiB/s", "ratio", "ours above idle", ""]);
    let settings = settings(folder.path(), &objects, &json!({}))?;
    let bare = itself(&folder, "--serve-bare", folder.path())?;
    let ours = weizhan(&folder, &settings)?;
    let mut good = pair(&mut table, "download, a folder", [&bare, &ours], Way::Down("/objects/big.bin"), &args).await?;
    drop(ours);
    let writer = itself(&folder, "--serve-writer", &settings)?;
    good &= pair(&mut table, "upload, a folder", [&bare, &writer], Way::Up, &args).await?;
    if args.cos {
        good &= cos(&mut table, &folder, &bare, &args).await?;
    }
    println!("{table}");
    println!(
        "{} MiB, {} rounds each, the medians; a ratio of {RATIO_MIN} and {MEMORY_MIB_MAX} MiB are claimed",
        args.mib, args.rounds
    );
    ensure!(good || args.quick, "a claim does not hold");
    Ok(())
}

/// The same from and into a bucket.
async fn cos(table: &mut Table, folder: &Folder, bare: &Served, args: &Args) -> anyhow::Result<bool> {
    let (secret, port, stop) = (random_text(32), free_port(), CancellationToken::new());
    let cos = CosSimulator::new(CosOptions {
        clock: Arc::new(SystemClock),
        folder: folder.path().join("cos"),
        bucket: "shop-1250000000".to_owned(),
        region: "ap-guangzhou".to_owned(),
        secret_id: "AKIDofthebench01".to_owned(),
        secret_key: secret.clone(),
    })?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let (served, stopped) = (cos.clone(), stop.clone());
    TaskTracker::new().spawn(async move { served.serve(listener, stopped).await });
    let base = format!("http://127.0.0.1:{port}");
    let sections = json!({
        "kind": "cos",
        "cos": {
            "bucket": "shop-1250000000",
            "region": "ap-guangzhou",
            "secret_id": "AKIDofthebench01",
            "secret_key": secret,
            "base_url": base,
            "sts_base_url": base,
        },
    });
    let settings = settings(folder.path(), &folder.path().join("drafts"), &sections)?;
    let writer = itself(folder, "--serve-writer", &settings)?;
    let mut good = pair(table, "upload, COS", [bare, &writer], Way::Up, args).await?;
    drop(writer);
    let ours = weizhan(folder, &settings)?;
    good &= pair(table, "download, COS", [bare, &ours], Way::Down("/objects/written.bin"), args).await?;
    stop.cancel();
    Ok(good)
}

/// One way through both servers, in turns; whether what is claimed of it holds.
async fn pair(table: &mut Table, name: &str, servers: [&Served; 2], way: Way, args: &Args) -> anyhow::Result<bool> {
    let mut measured = [Measured::default(), Measured::default()];
    let mut idle = [0, 0];
    for (server, idle) in servers.iter().zip(&mut idle) {
        // What is made at the first time stays, and is no memory of a transfer.
        go(server, way, MIB, true).await?;
        *idle = memory(server)?;
    }
    // In turns: what one leaves for the disk to write slows the next, whoever that is.
    for _ in 0..args.rounds {
        for ((server, measured), idle) in servers.iter().zip(&mut measured).zip(idle) {
            let (took, most) = go(server, way, args.mib * MIB, false).await?;
            #[expect(clippy::cast_precision_loss, reason = "a speed for people")]
            measured.mib_per_second.push(args.mib as f64 / took.as_secs_f64());
            measured.memory = measured.memory.max(most.saturating_sub(idle));
        }
    }
    let [bare, ours] = measured.map(|mut one| {
        one.mib_per_second.sort_by(f64::total_cmp);
        (one.mib_per_second[one.mib_per_second.len() / 2], one.memory)
    });
    let ratio = ours.0 / bare.0;
    let through_cos = name.ends_with("COS");
    let good = (through_cos || ratio >= RATIO_MIN) && ours.1 <= MEMORY_MIB_MAX;
    table.add_row([
        name,
        &format!("{:.0}", bare.0),
        &format!("{:.0}", ours.0),
        &format!("{ratio:.2}"),
        &format!("{} MiB", ours.1),
        if good { "✓" } else { "✗" },
    ]);
    Ok(good)
}

/// One transfer: how long it took, and the most memory that the server had meanwhile. For a short one only a part is asked for.
async fn go(server: &Served, way: Way, bytes: u64, short: bool) -> anyhow::Result<(Duration, u64)> {
    let began = Instant::now();
    let transfer = async {
        match way {
            Way::Down(path) => down(server.port, path, short.then_some(bytes)).await,
            Way::Up => up(server.port, bytes).await,
        }
    };
    tokio::pin!(transfer);
    let (mut most, mut ticks) = (0, tokio::time::interval(Duration::from_millis(20)));
    loop {
        tokio::select! {
            done = &mut transfer => {
                done?;
                return Ok((began.elapsed(), most.max(memory(server)?)));
            }
            _ = ticks.tick() => most = most.max(memory(server)?),
        }
    }
}

async fn down(port: u16, path: &str, part: Option<u64>) -> anyhow::Result<()> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    let range = part.map(|bytes| format!("range: bytes=0-{}\r\n", bytes - 1)).unwrap_or_default();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{range}connection: close\r\n\r\n").as_bytes())
        .await?;
    let mut buffer = vec![0; 1 << 20];
    let (mut head, mut left) = (Vec::new(), None);
    while left != Some(0) {
        let read = stream.read(&mut buffer).await?;
        ensure!(read > 0, "the answer broke off: {}", String::from_utf8_lossy(&head));
        if let Some(left) = &mut left {
            *left -= read as u64;
            continue;
        }
        head.extend_from_slice(&buffer[..read]);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&head[..end]).to_ascii_lowercase();
            ensure!(text.starts_with("http/1.1 20"), "{text}");
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).context("a length")?;
            left = Some(length.parse::<u64>()? - (head.len() - end - 4) as u64);
        }
    }
    Ok(())
}

async fn up(port: u16, bytes: u64) -> anyhow::Result<()> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    let head = format!("PUT / HTTP/1.1\r\nhost: bench\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let piece = vec![b'x'; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left.min(piece.len() as u64))?;
        stream.write_all(&piece[..now]).await?;
        left -= now as u64;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}

/// What a server has in memory, in MiB.
fn memory(server: &Served) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}

fn itself(folder: &Folder, act: &str, argument: &Path) -> anyhow::Result<Served> {
    let port = free_port();
    let own = std::env::current_exe()?.display().to_string();
    start(folder, &own, &[act, &port.to_string(), &argument.display().to_string()], port)
}

/// The program that is deployed.
fn weizhan(folder: &Folder, settings: &Path) -> anyhow::Result<Served> {
    let port = free_port();
    let (settings, listen) = (settings.display().to_string(), format!("127.0.0.1:{port}"));
    start(folder, env!("CARGO_BIN_EXE_weizhan"), &["--config", &settings, "serve", "--listen", &listen], port)
}

fn start(folder: &Folder, program: &str, arguments: &[&str], port: u16) -> anyhow::Result<Served> {
    let mut process = ServerProcess::start(program, arguments, &[], folder.path());
    let listens = process.wait_ready(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
    ensure!(listens, "{program} does not start:\n{}", process.log());
    Ok(Served { port, process })
}

/// The settings of a shop that sells nothing: WeChat's keys are asked for and never used.
fn settings(folder: &Path, objects: &Path, sections: &serde_json::Value) -> anyhow::Result<PathBuf> {
    let app = ("wxstorage000000001".to_owned(), random_text(32));
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
    let mut settings = json!({
        "database": { "url": format!("sqlite:{}", folder.join("shop.db").display()) },
        "storage": { "kind": sections["kind"].as_str().unwrap_or("directory"), "directory": objects },
        "auth": { "token_key": random_text(48) },
        "privacy": { "data_key": random_text(48) },
        "log": { "filter": "warn" },
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
    if let Some(cos) = sections.get("cos") {
        settings["cos"] = cos.clone();
    }
    let file = folder.join(if sections.get("cos").is_some() { "cos.toml" } else { "folder.toml" });
    std::fs::write(&file, toml::to_string(&settings)?)?;
    Ok(file)
}

/// A file without holes.
fn fill(path: &Path, mib: u64) -> anyhow::Result<()> {
    let mut file = std::fs::File::create(path)?;
    let piece = random_text(1 << 10).repeat(1 << 10);
    for _ in 0..mib {
        file.write_all(piece.as_bytes())?;
    }
    file.sync_all()?;
    Ok(())
}
