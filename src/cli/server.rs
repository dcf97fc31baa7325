//! A running server: the application with both its doors open.

use super::signal::asked_to_stop;
use crate::{
    app::App,
    compute,
    config::Config,
    http::{self, Socket},
    telemetry,
};
use anyhow::{Context as _, bail};
use std::{io, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle};

/// The listener of figures, if the settings ask for one.
pub(super) async fn metrics_listener(config: &Config) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = config.server.metrics_listen else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    listener.map(Some).with_context(|| format!("server.metrics_listen {address} cannot be used"))
}

/// Jobs run and requests are answered.
pub(super) struct Server {
    app: App,
    serving: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Open both doors.
    pub(super) fn start(app: App, socket: impl Into<Socket>, metrics: Option<TcpListener>) -> Self {
        compute::start(&app);
        if let Some(listener) = metrics {
            let scraped = app.clone();
            app.spawn(async move {
                if let Err(error) = http::metrics::serve(&scraped, listener).await {
                    tracing::error!(%error, "figures are no more to be had");
                }
            });
        }
        app.spawn(follow_filter(app.clone()));
        let (served, socket) = (app.clone(), socket.into());
        // One of the application's own tasks: shutting down waits for it before the database is closed.
        let serving = app.spawn(async move { http::serve(&served, socket).await });
        Self { app, serving }
    }

    /// Serve until the process is told to stop, then stop in order.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let asked = tokio::select! {
            asked = asked_to_stop() => asked.context("signals cannot be heard"),
            ended = &mut self.serving => Err(match ended {
                Ok(Ok(())) => anyhow::anyhow!("the server stopped without being told to"),
                Ok(Err(error)) => anyhow::Error::new(error).context("the server failed"),
                Err(error) => anyhow::Error::new(error).context("the server failed"),
            }),
        };
        if let Ok(signal) = &asked {
            tracing::info!(signal, "stopping");
        }
        let stopped = self.stop().await;
        asked.map(drop).and(stopped)
    }

    /// Finish what is under way, for as long as the settings allow; a second signal ends the wait.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        let deadline = Duration::from_millis(self.app.config.server.shutdown_timeout_ms);
        tokio::select! {
            ended = tokio::time::timeout(deadline, self.app.shut_down()) => {
                ended.context("stopped with work under way: server.shutdown_timeout_ms is over")
            }
            _ = asked_to_stop() => bail!("stopped with work under way: told a second time"),
        }
    }
}

/// Log what the settings of the running shop say.
async fn follow_filter(app: App) {
    let (stopping, mut settings) = (app.stopping(), app.settings.subscribe());
    let mut present = app.config.log.filter.clone();
    loop {
        let wanted = settings.borrow_and_update().live.log.filter.clone();
        if wanted != present {
            tracing::info!(filter = wanted, "what is logged was changed");
            telemetry::set_filter(&wanted);
            present = wanted;
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            changed = settings.changed() => if changed.is_err() { return },
        }
    }
}
