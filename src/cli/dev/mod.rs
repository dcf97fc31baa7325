//! `weizhan dev`: the whole shop in one process.

mod banner;

use super::{
    Sources,
    demo::{
        directory::{self, Directory},
        furnish, listen, password_file,
        settings::{self, Addresses},
        target,
    },
    server::Server,
    tour,
};
use crate::{
    app::{App, Role, SystemClock},
    config::Purpose,
    simulator::{CosSimulator, Simulator},
    telemetry::{self, trace::Traces},
};
use anyhow::{Context as _, bail, ensure};
use reqwest::Url;
use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Options of `dev`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where everything is kept; a directory of its own.
    #[arg(long, value_name = "DIR", default_value = ".weizhan")]
    data: PathBuf,
    /// Start over: delete everything in that directory.
    #[arg(long)]
    fresh: bool,
    /// Port of the API; the simulator takes the next one, the metrics the one after that. A port that is taken is replaced by a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Keep objects in a simulated Tencent COS, on the port after the metrics, instead of a folder.
    #[arg(long)]
    cos: bool,
    /// Buy something as a real client would, show each step, and stop.
    #[arg(long)]
    tour: bool,
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    let started = Instant::now();
    let why = "weizhan dev makes its own settings; set WEIZHAN__SECTION__KEY for what shall differ";
    ensure!(sources.file().is_none(), "{why}");
    let Some(directory) = Directory::open(&args.data, "dev", args.fresh)? else {
        let place = args.data.display();
        if args.tour && !args.fresh {
            println!("a running weizhan dev uses {place}: this tour goes there\n");
            return tour_beside(&args.data, sources).await;
        }
        bail!("another weizhan dev is using {place}; stop it or name another directory with --data");
    };
    let shop = Box::pin(Shop::open(&directory, &args, sources)).await?;
    let target = target(url(shop.api)?, url(shop.wechat)?, &password_file(&args.data))?;
    if !args.tour {
        let moved = (shop.api.port() != args.port && args.port != 0).then_some(args.port);
        println!("{}", banner::text(&target, shop.metrics, &args.data, moved, started.elapsed()));
        return shop.run().await;
    }
    let toured = tour::run(&target, &mut io::stdout()).await;
    let stopped = shop.stop().await;
    toured.map(drop).and(stopped)
}

/// Against the one that is running in this directory.
async fn tour_beside(data: &Path, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.over(&directory::settings_file(data)).load(Purpose::Dev, &[])?;
    let target = target(url(config.server.listen)?, config.wechat.base_url, &password_file(data))?;
    tour::run(&target, &mut io::stdout()).await.map(drop)
}

fn url(address: SocketAddr) -> anyhow::Result<Url> {
    Ok(format!("http://{address}").parse()?)
}

/// The server and WeChat beside it.
struct Shop {
    api: SocketAddr,
    wechat: SocketAddr,
    metrics: SocketAddr,
    server: Server,
    simulator: JoinHandle<io::Result<()>>,
    simulator_stop: CancellationToken,
    traces: Traces,
}

impl Shop {
    async fn open(directory: &Directory, args: &Args, sources: &Sources) -> anyhow::Result<Self> {
        let listener = listen(args.port).await?;
        let api = listener.local_addr()?;
        let next = if args.port == 0 { 0 } else { api.port().checked_add(1).unwrap_or(0) };
        let simulator_listener = listen(next).await?;
        let wechat = simulator_listener.local_addr()?;
        let next = if args.port == 0 { 0 } else { wechat.port().checked_add(1).unwrap_or(0) };
        let metrics_listener = listen(next).await?;
        let metrics = metrics_listener.local_addr()?;
        let simulator = settings::simulator(directory)?;
        let next = if args.port == 0 { 0 } else { metrics.port().checked_add(1).unwrap_or(0) };
        let cos_listener = if args.cos { Some(listen(next).await?) } else { None };
        let cos = cos_listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let addresses = Addresses { api, wechat, metrics: Some(metrics), cos };
        let settings = settings::of(directory, &simulator, &addresses)?;
        let sources = sources.over(&settings::write(directory, &settings)?);
        // A tour prints its own lines; only what is wrong may stand between them.
        let quiet = args.tour.then(|| ("log.filter", "warn".to_owned()));
        let config = sources.load(Purpose::Dev, quiet.as_slice())?;
        let traces = telemetry::init_serving(&config);

        let simulator_stop = CancellationToken::new();
        // Not one of the application's tasks: work that is finished at shutdown still asks WeChat.
        let stores = match cos_listener {
            Some(listener) => Some((CosSimulator::new(settings::cos(directory)?)?, listener)),
            None => None,
        };
        let simulator =
            TaskTracker::new().spawn(simulate(simulator, simulator_listener, stores, simulator_stop.clone()));
        let app = App::open(config, Arc::new(SystemClock), Role::Server(api.to_string())).await?;
        furnish(&app, directory).await?;
        let server = Server::start(app, listener, Some(metrics_listener));
        Ok(Self { api, wechat, metrics, server, simulator, simulator_stop, traces })
    }

    async fn run(self) -> anyhow::Result<()> {
        let ended = self.server.run().await;
        self.simulator_stop.cancel();
        self.traces.finish().await;
        ended.and(stopped(self.simulator).await)
    }

    async fn stop(self) -> anyhow::Result<()> {
        let ended = self.server.stop().await;
        self.simulator_stop.cancel();
        self.traces.finish().await;
        ended.and(stopped(self.simulator).await)
    }
}

/// WeChat, and COS where there is one.
async fn simulate(
    wechat: Simulator,
    listener: TcpListener,
    cos: Option<(CosSimulator, TcpListener)>,
    stop: CancellationToken,
) -> io::Result<()> {
    let Some((cos, cos_listener)) = cos else { return wechat.serve(listener, stop).await };
    tokio::try_join!(wechat.serve(listener, stop.clone()), cos.serve(cos_listener, stop)).map(drop)
}

async fn stopped(simulator: JoinHandle<io::Result<()>>) -> anyhow::Result<()> {
    simulator.await?.context("the simulator failed")
}
