//! The shop that the matrix opens by itself: this binary's own backend on a fresh database and a WeChat beside it, both on a
//! clock that moves when told. It runs on a runtime of its own, so that it can be killed in the middle of anything.

use super::settings;
use crate::{
    app::{App, Role, SystemClock},
    cli::Sources,
    compute,
    config::{Config, DEV_MARK, Purpose},
    data, http,
    model::{
        staff::Permission,
        time::{Clock as _, FixedClock, Timestamp},
    },
    service::{self, verify::Finding},
    simulator::{Options, Simulator},
    wechat::pay::sign::random_text,
};
use anyhow::Context as _;
use reqwest::Url;
use std::{
    collections::BTreeSet,
    future::Future,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::runtime::{Handle, Runtime};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Sign-in name and password of the member of staff.
pub(super) const STAFF: (&str, &str) = ("chaos", "a password of one run only");
/// The one mini-program.
pub(super) const APPID: &str = "wxweizhanchaos0001";
const MCHID: &str = "1900000001";
/// How long a port may stay with a server that was killed.
const PORT_PATIENCE: Duration = Duration::from_secs(10);
/// Rounds of callbacks and jobs within one moment of the clock, after which something chases its own tail.
const ROUNDS_MAX: usize = 50;

/// Where its data is, and what it logs.
pub(super) struct Place<'a> {
    /// Settings of the environment.
    pub(super) sources: &'a Sources,
    /// An empty database; a new SQLite file unless given.
    pub(super) database_url: Option<String>,
    /// A Redis; memory unless given.
    pub(super) redis_url: Option<String>,
    /// As of `log.filter`.
    pub(super) log: String,
}

/// The shop, WeChat, and their clock.
pub(super) struct House {
    clock: Arc<FixedClock>,
    simulator: Simulator,
    /// The server's: taken anew at each start, since nobody may answer there while it is down.
    address: SocketAddr,
    config: Config,
    node: Mutex<Option<Node>>,
    /// Checks and rows that were told: rows stay broken, and are told where it was seen first.
    told: Mutex<BTreeSet<(&'static str, i64)>>,
    wechat_stop: CancellationToken,
    /// Where the shop is.
    pub(super) shop: Url,
    /// Where WeChat is.
    pub(super) wechat: Url,
    /// The `APIv3` key before the present one, which the shop still knows.
    pub(super) previous_api_v3_key: String,
    _folder: tempfile::TempDir,
}

/// The running server.
struct Node {
    app: App,
    runtime: Runtime,
}

impl House {
    /// Open both, with an account of staff.
    pub(super) async fn open(place: Place<'_>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("weizhan-chaos-").tempdir().context("no folder for the run")?;
        let clock = Arc::new(FixedClock::new(SystemClock.now()));
        let secret = || format!("{DEV_MARK}-{}", random_text(24));
        let key = || random_text(32);
        let (app_secret, api_v3_key, previous_api_v3_key) = (secret(), key(), key());
        let simulator = Simulator::new(Options {
            clock: clock.clone(),
            journal: None,
            keys: None,
            apps: vec![(APPID.to_owned(), app_secret.clone())],
            mchid: MCHID.to_owned(),
            api_v3_key,
            speed: 1.0,
            automatic: false,
        })?;
        let wechat_socket = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let wechat: Url = format!("http://{}", wechat_socket.local_addr()?).parse()?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let shop: Url = format!("http://{address}").parse()?;
        let file = folder.path().join("shop.db").display().to_string();
        let database = place.database_url.unwrap_or_else(|| format!("sqlite:{file}"));
        let objects = folder.path().join("objects").display().to_string();
        let mut settings = settings::of(&simulator, &wechat, &shop, &app_secret);
        settings.extend([
            ("database.url", database),
            ("storage.directory", objects),
            ("cache.redis_url", place.redis_url.unwrap_or_default()),
            ("auth.token_key", format!("{DEV_MARK}-{}", random_text(48))),
            ("privacy.data_key", format!("{DEV_MARK}-{}", random_text(48))),
            ("pay.previous_api_v3_key", previous_api_v3_key.clone()),
            ("log.filter", place.log),
        ]);
        let config = place.sources.load(Purpose::Dev, &settings)?;
        crate::telemetry::init(&config.log);
        let wechat_stop = CancellationToken::new();
        TaskTracker::new().spawn(simulator.clone().serve(wechat_socket, wechat_stop.clone()));
        let node = Mutex::new(None);
        let house = Self {
            clock,
            simulator,
            address,
            config,
            node,
            told: Mutex::default(),
            wechat_stop,
            shop,
            wechat,
            previous_api_v3_key,
            _folder: folder,
        };
        house.start().await?;
        let made = house
            .run(|app| async move { service::staff::create(&app, STAFF.0, STAFF.1, Permission::ALL).await.map(drop) });
        made.await?.context("the account of staff")?;
        Ok(house)
    }

    /// Start the server; it is down.
    pub(super) async fn start(&self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (config, clock) = (self.config.clone(), self.clock.clone());
        let socket = self.socket().await?;
        let opened = runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(socket)?;
            let app = App::open(config, clock, Role::Tool).await?;
            let served = app.clone();
            app.spawn(async move {
                if let Err(error) = http::serve(&served, listener).await {
                    tracing::error!(%error, "the shop stopped");
                }
            });
            anyhow::Ok(app)
        });
        let app = opened.await??;
        *self.lock() = Some(Node { app, runtime });
        Ok(())
    }

    /// The port; the one who was killed may still be letting go of it.
    async fn socket(&self) -> anyhow::Result<TcpListener> {
        let began = Instant::now();
        loop {
            match TcpListener::bind(self.address) {
                Ok(socket) => {
                    socket.set_nonblocking(true)?;
                    return Ok(socket);
                }
                Err(error) if began.elapsed() > PORT_PATIENCE => return Err(error).context("the shop's port"),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Kill the server: whatever it was doing ends at once, and nothing is finished.
    pub(super) fn kill(&self) {
        if let Some(Node { runtime, app }) = self.lock().take() {
            runtime.shutdown_background();
            drop(app);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Node>> {
        self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Do something with the application, on its own runtime.
    pub(super) async fn run<T, F>(&self, act: impl FnOnce(App) -> F) -> anyhow::Result<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (app, handle): (App, Handle) = {
            let node = self.lock();
            let node = node.as_ref().context("the shop is down")?;
            (node.app.clone(), node.runtime.handle().clone())
        };
        Ok(handle.spawn(act(app)).await?)
    }

    /// Deliver every callback and run every job that is due at this moment.
    pub(super) async fn turn(&self) -> anyhow::Result<()> {
        for _ in 0..ROUNDS_MAX {
            let delivered = self.simulator.deliver_due().await?;
            let ran = if self.is_up() { self.run(work).await?? } else { 0 };
            if delivered + ran == 0 {
                return Ok(());
            }
        }
        anyhow::bail!("callbacks and jobs do not come to an end although no time passes")
    }

    /// Whether the server runs.
    pub(super) fn is_up(&self) -> bool {
        self.lock().is_some()
    }

    /// The present moment there.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Move the clock to the next moment at which something is due, at most by `step`; gives how far.
    pub(super) async fn skip(&self, step: Duration) -> anyhow::Result<Duration> {
        let now = self.now();
        let mut next = now.plus(step);
        if self.is_up() {
            let due =
                self.run(|app| async move { data::job::next_due(&mut app.database.read().await?).await }).await??;
            next = due.filter(|due| *due > now).map_or(next, |due| due.min(next));
        }
        for callback in self.simulator.pending_callbacks() {
            next = callback.due_ms.filter(|due| *due > now).map_or(next, |due| due.min(next));
        }
        let far = next.since(now).max(Duration::from_millis(1));
        self.clock.advance(far);
        Ok(far)
    }

    /// What the rows say against themselves that they did not say before.
    pub(super) async fn verify(&self) -> anyhow::Result<Vec<Finding>> {
        let mut findings = self.run(|app| async move { service::verify::run(&app, |_| {}).await }).await??;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for finding in &mut findings {
            finding.ids.retain(|id| told.insert((finding.name, *id)));
        }
        findings.retain(|finding| !finding.ids.is_empty());
        Ok(findings)
    }

    /// Stop both.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        if self.is_up() {
            self.run(|app| async move { app.shut_down().await }).await?;
        }
        self.kill();
        self.wechat_stop.cancel();
        Ok(())
    }
}

/// All that a node does by itself at this moment; how much it was.
async fn work(app: App) -> Result<usize, service::Error<service::Never>> {
    // Callbacks are answered before they are carried out.
    while !app.settling.is_idle() {
        tokio::task::yield_now().await;
    }
    let swept = service::payment::sweep(&app).await?;
    Ok(swept + compute::worker::run_due(&app).await?)
}
