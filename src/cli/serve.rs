//! `weizhan serve`: one node of a deployment.

use super::{
    Sources, notify,
    server::{self, Server},
};
use crate::{
    app::{App, Role, SystemClock},
    config::{Config, Purpose},
    http::Socket,
    telemetry,
};
use anyhow::Context as _;
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;

/// Options of `serve`.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// Address and port to listen on, instead of server.listen.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

pub(super) async fn run(args: Args, sources: &Sources, inherited: listenfd::ListenFd) -> anyhow::Result<()> {
    Box::pin(serve(args, sources, Purpose::Serve, inherited)).await
}

/// The same for the nodes of `weizhan cluster`, whose secrets are made up.
pub(super) async fn serve(
    args: Args,
    sources: &Sources,
    purpose: Purpose,
    inherited: listenfd::ListenFd,
) -> anyhow::Result<()> {
    let options: Vec<_> = args.listen.iter().map(|address| ("server.listen", address.to_string())).collect();
    let config = sources.load(purpose, &options)?;
    let traces = telemetry::init_serving(&config);
    // Before the database is opened: a port that is taken is told at once.
    let (listener, address) = listener(&config, inherited).await?;
    let metrics = server::metrics_listener(&config).await?;
    let app = App::open(config, Arc::new(SystemClock), Role::Server(address.to_string())).await?;
    tracing::info!(%address, node = app.nodes.number(), version = env!("CARGO_PKG_VERSION"), "serving");
    let server = Server::start(app, listener, metrics);
    notify::tell(sources.notify(), notify::READY);
    let ended = server.run().await;
    traces.finish().await;
    ended
}

/// The socket that a supervisor holds open over restarts (`LISTEN_FDS`, as systemd does it), or one of our own.
async fn listener(config: &Config, mut inherited: listenfd::ListenFd) -> anyhow::Result<(Socket, SocketAddr)> {
    if let Some(socket) = inherited.take_tcp_listener(0).context("the inherited socket is not a TCP listener")? {
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from_std(socket).context("the inherited socket cannot be used")?;
        let address = listener.local_addr()?;
        return Ok((Socket::Shared(listener), address));
    }
    let address = config.server.listen;
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("server.listen {address} cannot be used"))?;
    let address = listener.local_addr()?;
    Ok((Socket::Own(listener), address))
}
