//! One node: a listening socket that stays, and the process behind it, which changes.

use super::process::{Guard, Process};
use anyhow::{Context as _, bail};
use std::{
    net::TcpListener,
    os::fd::OwnedFd,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{net::UnixDatagram, process::Command, sync::Mutex as Turn};
use tokio_util::sync::CancellationToken;

/// How long a process may take until it serves.
const START_PATIENCE: Duration = Duration::from_mins(1);
/// How long it may take to end; longer than `server.shutdown_timeout_ms` of the settings.
const STOP_PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(25);
/// A process that ends sooner than this after its start is not started again at once.
const HASTE: Duration = Duration::from_secs(5);
/// Hands a socket over as systemd does: the first descriptor after the standard ones, and the process id in the
/// environment. The shell does what a program may do between fork and exec only with `unsafe`.
const HAND_OVER: &str = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"";

/// What the processes of all nodes have in common.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) guard: Arc<Guard>,
    /// Our own program.
    pub(super) program: PathBuf,
    /// The settings.
    pub(super) config: PathBuf,
    /// Where each node's output goes.
    pub(super) logs: PathBuf,
    /// Where processes say that they serve.
    pub(super) notify: tempfile::TempDir,
    pub(super) stop: CancellationToken,
}

/// What a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its process does not serve yet.
    Starting,
    /// It serves.
    Serving,
    /// Its successor is on its way, or serves already.
    Restarting,
    /// Its process ended although nobody told it to.
    Down,
    /// It was told to end.
    Stopped,
}

/// What is shown of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) state: State,
    pub(super) pid: i32,
    pub(super) since: Instant,
    /// How often it was replaced, on purpose.
    pub(super) restarts: u32,
    /// How often it ended by itself or was killed.
    pub(super) deaths: u32,
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    /// From 1 on.
    pub(super) number: usize,
    pub(super) port: u16,
    socket: TcpListener,
    plan: Arc<Plan>,
    /// Held while the process is exchanged.
    process: Turn<Option<Process>>,
    view: Mutex<View>,
}

impl Node {
    /// A node on this socket, without a process yet.
    pub(super) fn new(number: usize, socket: TcpListener, plan: Arc<Plan>) -> anyhow::Result<Self> {
        let port = socket.local_addr()?.port();
        let view = View { state: State::Starting, pid: 0, since: Instant::now(), restarts: 0, deaths: 0 };
        Ok(Self { number, port, socket, plan, process: Turn::default(), view: Mutex::new(view) })
    }

    /// What is shown of it.
    pub(super) fn view(&self) -> View {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Start its first process and wait until it serves.
    pub(super) async fn start(&self) -> anyhow::Result<()> {
        let mut place = self.process.lock().await;
        *place = Some(self.launch().await?);
        Ok(())
    }

    /// A process more on the same socket, which serves.
    async fn launch(&self) -> anyhow::Result<Process> {
        let Plan { guard, program, config, logs, notify, stop } = &*self.plan;
        let ear_place = notify.path().join(self.number.to_string());
        drop(std::fs::remove_file(&ear_place));
        let ear = UnixDatagram::bind(&ear_place).context("no socket to hear that a node serves")?;
        let socket = OwnedFd::from(self.socket.try_clone()?);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", HAND_OVER]).arg(program).args(["cluster", "node", "--config"]).arg(config);
        command.env("NOTIFY_SOCKET", &ear_place).stdin(Stdio::from(socket));
        let mut process = guard.start(&format!("node-{}", self.number), command, logs)?;
        let began = Instant::now();
        let mut told = [0; 256];
        loop {
            let said = tokio::select! {
                said = tokio::time::timeout(LOOK, ear.recv(&mut told)) => said,
                () = stop.cancelled() => bail!("stopped before it served"),
            };
            if let Ok(count) = said
                && told[..count?].starts_with(b"READY=1")
            {
                break;
            }
            if let Some(status) = process.has_ended() {
                bail!("node {} has ended ({status}):\n{}", self.number, process.last_words());
            }
            if began.elapsed() > START_PATIENCE {
                bail!("node {} does not serve:\n{}", self.number, process.last_words());
            }
        }
        drop(std::fs::remove_file(&ear_place));
        let pid = process.pid();
        self.note(|view| *view = View { state: State::Serving, pid, since: Instant::now(), ..*view });
        Ok(process)
    }

    /// Replace its process: the new one first, then the old one ends, while both share the socket. Gives how long
    /// each took.
    pub(super) async fn restart(&self) -> anyhow::Result<(Duration, Duration)> {
        let mut place = self.process.lock().await;
        self.note(|view| view.state = State::Restarting);
        let began = Instant::now();
        let next = match self.launch().await {
            Ok(next) => next,
            Err(error) => {
                self.note(|view| view.state = if place.is_some() { State::Serving } else { State::Down });
                return Err(error.context("the old process goes on"));
            }
        };
        let (served, old) = (began.elapsed(), place.replace(next));
        self.note(|view| (view.state, view.restarts) = (State::Restarting, view.restarts + 1));
        let well = match old {
            Some(old) => old.stop(STOP_PATIENCE).await,
            None => true,
        };
        self.note(|view| view.state = State::Serving);
        if !well {
            bail!("the old process of node {} did not end well; its log says why", self.number);
        }
        Ok((served, began.elapsed().saturating_sub(served)))
    }

    /// Kill its process without warning.
    pub(super) async fn kill(&self) {
        if let Some(process) = &mut *self.process.lock().await {
            process.kill().await;
        }
    }

    /// Start another process whenever one ends by itself, until the cluster stops.
    pub(super) async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let mut haste = 0;
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            // Somebody else is exchanging it.
            let Ok(mut place) = self.process.try_lock() else { continue };
            if place.as_mut().is_some_and(|process| process.has_ended().is_none()) {
                continue;
            }
            *place = None;
            let lived = self.view().since.elapsed();
            haste = if lived < HASTE { haste + 1 } else { 0 };
            self.note(|view| (view.state, view.deaths) = (State::Down, view.deaths + u32::from(view.pid != 0)));
            self.note(|view| view.pid = 0);
            // The first time at once; a process that cannot live is tried more and more slowly.
            if haste > 1 {
                let pause = Duration::from_millis(250) * 2_u32.pow(haste.min(6) - 2);
                if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                    return;
                }
            }
            self.note(|view| (view.state, view.since) = (State::Starting, Instant::now()));
            match self.launch().await {
                Ok(process) => *place = Some(process),
                Err(error) if !stop.is_cancelled() => {
                    tracing::error!(node = self.number, error = format!("{error:#}"), "a node does not start");
                }
                Err(_) => return,
            }
        }
    }

    /// End its process in order; whether it did so by itself.
    pub(super) async fn stop(&self) -> bool {
        let process = self.process.lock().await.take();
        self.note(|view| view.state = State::Stopped);
        match process {
            Some(process) => process.stop(STOP_PATIENCE).await,
            None => true,
        }
    }
}
