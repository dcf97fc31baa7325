//! `weizhan cluster`: a deployment in small on this machine. Three nodes behind nginx on a private MariaDB or MySQL and a private
//! Redis, beside a simulated WeChat, all of them on the loopback and in one directory; to try things, and for tests.
//!
//! The supervisor holds the listening socket of each node open while the process behind it is replaced, as systemd does
//! with a socket unit: what comes meanwhile waits in its queue. What it starts ends with it, also when it is killed (see
//! [`process::Guard`]).
//!
//! **How to add a program:** a file with how it is set up and started as a [`process::Process`], its line in
//! [`programs`], its start in [`house::House::open`] and its end in [`house::House::stop`].

mod banner;
mod board;
mod control;
mod database;
mod front;
mod house;
mod node;
mod process;
mod programs;
mod redis;
mod tally;

use super::{
    Sources, Told,
    demo::{
        directory::{Directory, settings_file},
        password_file, target,
    },
    serve,
    signal::asked_to_stop,
    tour,
};
use crate::{config::Purpose, telemetry};
use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;
use control::Order;
use house::House;
use std::{io, path::Path, path::PathBuf, sync::Arc, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Whose the directory is.
const OWNER: &str = "cluster";
/// More of them need more connections than the private database takes.
const NODES_MAX: u8 = 8;

/// Options of `cluster`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    order: Option<Command>,
    /// Where everything is kept; a directory of its own.
    #[arg(long, global = true, value_name = "DIR", default_value = ".weizhan-cluster")]
    data: PathBuf,
    #[command(flatten)]
    shape: Shape,
}

/// What is started.
#[derive(Debug, clap::Args)]
struct Shape {
    /// Start over: delete everything in that directory.
    #[arg(long)]
    fresh: bool,
    /// How many nodes, 1 to 8.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=i64::from(NODES_MAX)))]
    nodes: u8,
    /// Port of nginx for plain HTTP; TLS takes the next one, the simulator the one after it. A port that is taken is
    /// replaced by a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Without Redis: each node keeps its hot copies in its own memory.
    #[arg(long)]
    without_redis: bool,
    /// The server of MySQL or MariaDB to start, instead of the one that is found.
    #[arg(long, value_name = "FILE")]
    mysqld: Option<PathBuf>,
    /// Buy something through nginx as a real client would, show each step, and stop.
    #[arg(long)]
    tour: bool,
}

/// What a running cluster is told to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Replace the process of each node, one after the other, without losing a request.
    Restart,
    /// Kill the process of a node without warning; the supervisor starts another.
    Kill {
        /// Which node, from 1 on.
        node: usize,
    },
    /// Show the nodes.
    Status,
    /// Stop everything in order.
    Stop,
    /// What the supervisor starts: `serve` with the secrets of a demo shop.
    #[command(hide = true)]
    Node,
}

pub(super) async fn run(args: Args, sources: &Sources, inherited: listenfd::ListenFd) -> anyhow::Result<()> {
    let order = match args.order {
        None => return open(&args.data, args.shape, sources).await,
        Some(Command::Node) => {
            return Box::pin(serve::serve(serve::Args::default(), sources, Purpose::Dev, inherited)).await;
        }
        Some(Command::Restart) => Order::Restart,
        Some(Command::Kill { node }) => Order::Kill(node),
        Some(Command::Status) => Order::Status,
        Some(Command::Stop) => Order::Stop,
    };
    let well = control::give(&args.data, order, &mut io::stdout()).await?;
    if well { Ok(()) } else { Err(Told.into()) }
}

async fn open(data: &Path, shape: Shape, sources: &Sources) -> anyhow::Result<()> {
    let started = Instant::now();
    let why = "weizhan cluster makes its own settings; set WEIZHAN__SECTION__KEY for what shall differ";
    ensure!(sources.file().is_none(), "{why}");
    let Some(directory) = Directory::open(data, OWNER, shape.fresh)? else {
        let place = data.display();
        if shape.tour && !shape.fresh {
            println!("a running weizhan cluster uses {place}: this tour goes there\n");
            return tour_beside(data, sources).await;
        }
        bail!("another weizhan cluster is using {place}; stop it (weizhan cluster stop) or name another with --data");
    };
    let programs = programs::find(sources.search_path(), shape.mysqld.clone(), !shape.without_redis)?;
    telemetry::init(
        &sources.load(Purpose::Dev, &[("log.filter", "warn".to_owned()), ("log.format", "pretty".to_owned())])?.log,
    );
    let stop = CancellationToken::new();
    let house = tokio::select! {
        house = House::open(directory, &programs, &shape, sources, stop.clone()) => Arc::new(house?),
        asked = asked_to_stop() => bail!("stopped by {} before it was open", asked?),
    };
    let ended = if shape.tour {
        let target = target(house.api.clone(), house.wechat_url.clone(), &password_file(data))?;
        tour::run(&target, &mut io::stdout()).await.map(drop)
    } else {
        println!("{}", banner::text(&house, data, started.elapsed()));
        keep(&house, data, &stop).await
    };
    stop.cancel();
    let stopped = house.stop().await;
    control::forget(data);
    ended.and(stopped)
}

/// Until somebody says stop: watch the nodes, show them, hear what is asked for.
async fn keep(house: &Arc<House>, data: &Path, stop: &CancellationToken) -> anyhow::Result<()> {
    let tasks = TaskTracker::new();
    for node in &house.nodes {
        tasks.spawn(node.clone().keep(stop.clone()));
    }
    tasks.spawn(board::show(house.clone(), stop.clone()));
    let control = control::Control::open(data).await?;
    tasks.spawn(control.hear(house.clone(), stop.clone()));
    tasks.close();
    tokio::select! {
        asked = asked_to_stop() => drop(asked.context("signals cannot be heard")?),
        () = stop.cancelled() => {}
        told = house.watch() => told?,
    }
    stop.cancel();
    tasks.wait().await;
    Ok(())
}

/// Against the one that is running in this directory.
async fn tour_beside(data: &Path, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.over(&settings_file(data)).load(Purpose::Dev, &[])?;
    let mut target = target(config.pay.notify_base_url, config.wechat.base_url, &password_file(data))?;
    target.alone = false;
    tour::run(&target, &mut io::stdout()).await.map(drop)
}
