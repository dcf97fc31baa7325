//! The accept loop: time-outs that hyper would not keep by itself, a cap on connections, and a drain at the end.

use super::{door, greeting::Greeting, route};
use crate::app::App;
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
    sync::Semaphore,
};

/// Serve until the application stops and what is under way is answered.
pub async fn serve(app: &App, listener: TcpListener) -> io::Result<()> {
    let (router, settings) = (route::router(app), &app.config.server);
    let (stopping, graceful) = (app.stopping(), GracefulShutdown::new());
    let room = Arc::new(Semaphore::new(settings.connections_max));
    let mut builder = Builder::new(TokioExecutor::new());
    let head_time = Duration::from_millis(settings.header_timeout_ms);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head_time);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(20)).max_concurrent_streams(200);
    loop {
        // Room first: connections that find none wait in the backlog of the system.
        let permit = tokio::select! {
            permit = room.clone().acquire_owned() => permit.map_err(io::Error::other)?,
            () = stopping.cancelled() => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of files, say: the next try comes a moment later.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
            () = stopping.cancelled() => break,
        };
        let connection = graceful
            .watch(builder.serve_connection(io_of(stream, head_time), service(app, &router, peer)).into_owned());
        app.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "connection");
            }
            drop(permit);
        });
    }
    // The socket stays open but is not accepted from: a successor on the same socket takes what comes.
    drain(app, &room).await;
    let patience = Duration::from_millis(settings.shutdown_timeout_ms);
    if tokio::time::timeout(patience, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open when the time to finish was over");
    }
    Ok(())
}

fn io_of(stream: TcpStream, patience: Duration) -> TokioIo<Greeting> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "nodelay");
    }
    TokioIo::new(Greeting::new(stream, patience))
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

/// Answer with `Connection: close` for a while, so that clients leave by themselves; over as soon as nobody is here.
async fn drain(app: &App, room: &Semaphore) {
    let all = u32::try_from(app.config.server.connections_max).unwrap_or(u32::MAX);
    let patience = Duration::from_millis(app.config.server.drain_ms);
    drop(tokio::time::timeout(patience, room.acquire_many(all)).await);
}
