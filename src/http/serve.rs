//! The accept loop: time-outs that hyper would not keep by itself, bounds on connections, and a drain at the end.

use super::{
    class, door,
    greeting::Greeting,
    route,
    visitors::{Visitor, Visitors},
};
use crate::{app::App, config};
use axum::{Router, body::Body, http::Request, response::Response};
use futures_util::FutureExt;
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Most bytes of the head of a request: as many as nginx passes on.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Most bytes of the headers of a request over HTTP/2, unpacked.
const HEADERS_BYTES_MAX: u32 = 16 * 1024;
/// Requests of one HTTP/2 connection at a time.
const STREAMS_MAX: u32 = 100;
/// Requests that a peer has taken back and that nobody has looked at yet (rapid reset); beyond that it is sent away.
const RESETS_PENDING_MAX: usize = 20;
/// Streams that a peer made us reset by its faults; beyond that it is sent away.
const FAULTS_MAX: usize = 64;
/// What a peer may send on a connection before somebody reads it, and what waits for it to be read.
const WINDOW_BYTES: u32 = 512 * 1024;
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
const SEND_BYTES_MAX: usize = 128 * 1024;
/// How often a peer is asked whether it is still there, and how long it has to answer.
const PING_EVERY: Duration = Duration::from_secs(20);

/// A socket that listens.
#[derive(Debug)]
pub enum Socket {
    /// Of this process alone: while it drains it still takes connections, to tell them to leave, since nobody else would.
    Own(TcpListener),
    /// One that outlives this process: as soon as it stops, a successor on the same socket takes what comes.
    Shared(TcpListener),
}

impl From<TcpListener> for Socket {
    fn from(listener: TcpListener) -> Self {
        Self::Own(listener)
    }
}

/// Serve until the application stops and what is under way is answered.
pub async fn serve(app: &App, socket: impl Into<Socket>) -> io::Result<()> {
    let settings = &app.config.server;
    if let Some(unknown) = app.config.limits.routes.iter().find(|one| !class::is_operation(&one.route)) {
        let told = format!("limits.routes: there is no operation {}", unknown.route);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, told));
    }
    let house = House {
        app: app.clone(),
        router: route::router(app),
        builder: builder(settings),
        graceful: GracefulShutdown::new(),
        room: Arc::new(Semaphore::new(settings.connections_max)),
        visitors: Visitors::new(settings.connections_per_ip_max),
    };
    let stopping = app.stopping();
    match socket.into() {
        Socket::Own(listener) => {
            let drained = async {
                stopping.cancelled().await;
                house.drain().await;
            };
            tokio::select! {
                ended = house.welcome(&listener) => ended?,
                () = drained => {}
            }
        }
        Socket::Shared(listener) => {
            tokio::select! {
                ended = house.welcome(&listener) => ended?,
                () = stopping.cancelled() => {}
            }
            house.drain().await;
        }
    }
    let patience = Duration::from_millis(settings.shutdown_timeout_ms);
    if tokio::time::timeout(patience, house.graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open when the time to finish was over");
    }
    Ok(())
}

fn builder(settings: &config::Server) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let head_time = Duration::from_millis(settings.header_timeout_ms);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head_time).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(FAULTS_MAX)
        .max_header_list_size(HEADERS_BYTES_MAX)
        .initial_connection_window_size(WINDOW_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES_MAX);
    builder
}

/// What all connections share.
struct House {
    app: App,
    router: Router,
    builder: Builder<TokioExecutor>,
    graceful: GracefulShutdown,
    room: Arc<Semaphore>,
    visitors: Arc<Visitors>,
}

impl House {
    /// Take connections, without end.
    async fn welcome(&self, listener: &TcpListener) -> io::Result<()> {
        let proxies = &self.app.config.server.trusted_proxies;
        loop {
            // Room first: connections that find none wait in the backlog of the system.
            let permit = self.room.clone().acquire_owned().await.map_err(io::Error::other)?;
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of files, say: the next try comes a moment later.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            let is_proxy = proxies.contains(&peer.ip().to_canonical());
            if let Some(visitor) = self.visitors.enter(peer.ip(), is_proxy) {
                self.attend(stream, peer, (permit, visitor));
            } else {
                tracing::debug!(%peer, "an address has too many connections");
            }
        }
    }

    fn attend(&self, stream: TcpStream, peer: SocketAddr, place: (OwnedSemaphorePermit, Visitor)) {
        let settings = &self.app.config.server;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "nodelay");
        }
        let [head, read] = [settings.header_timeout_ms, settings.body_timeout_ms].map(Duration::from_millis);
        let io = TokioIo::new(Greeting::new(stream, head, read));
        let connection = self.builder.serve_connection(io, service(&self.app, &self.router, peer)).into_owned();
        let connection = self.graceful.watch(connection);
        self.app.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "connection");
            }
            drop(place);
        });
    }

    /// Answer with `Connection: close` for a while, so that clients leave by themselves; over as soon as nobody is here.
    async fn drain(&self) {
        let patience = Duration::from_millis(self.app.config.server.drain_ms);
        drop(tokio::time::timeout(patience, self.visitors.all_gone()).await);
    }
}

/// Answers the requests of one connection.
fn service(
    app: &App,
    router: &Router,
    peer: SocketAddr,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Clone + Send + use<> {
    let (app, router) = (app.clone(), router.clone());
    service_fn(move |request: Request<Incoming>| {
        door::pass(app.clone(), router.clone(), peer, request.map(Body::new)).map(Ok)
    })
}
