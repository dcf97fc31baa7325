//! What a use case may hold: settings, the four ways out, the clock and the keys.
//!
//! [`App`] is a cheap clone. Swappable parts are enums; only the clock is a `dyn`, so that tests can hold it still.

mod access_token;
mod gate;
mod ingest;
mod keys;
mod meters;
mod node;
mod random;
mod setting;
mod settling;
mod vault;

pub use crate::{
    cache::limit::{Caller, LimitCounts, Limited, Standing, TooMany},
    config::Live,
};
use crate::{
    cache::{self, Cache, limit::Limits},
    config::Config,
    data::{self, Database, Intake},
    model::{
        id::IdSource,
        time::{Clock, Timestamp},
    },
    storage::{self, Storage},
    wechat::{self, Wechat},
};
use access_token::TokenRows;
pub use gate::{Class, Gate, GateCounts, Gates, Permit};
pub use ingest::{Ingest, NotTaken};
pub use keys::TokenKeys;
pub use meters::{Callbacks, ENDS, Figures, METHODS, Meters, Route, Routes};
pub use node::{NoNumber, Nodes, Role};
pub use random::{random_bytes, random_number};
pub use setting::{Settings, Snapshot};
pub use settling::Settling;
use std::{future::Future, ops::Deref, sync::Arc};
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
pub use vault::Vault;

/// Files on their way at the same time.
const UPLOADS_MAX: usize = 32;
/// Pictures decoded at the same time, each with up to 160 MB of pixels.
const PICTURES_MAX: usize = 2;

/// The running application.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What is inside an [`App`].
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// Rows.
    pub database: Database,
    /// Hot copies.
    pub cache: Cache,
    /// Objects.
    pub storage: Storage,
    /// WeChat.
    pub wechat: Wechat,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: IdSource,
    /// Seals personal data.
    pub vault: Arc<Vault>,
    /// Signs tokens.
    pub token_keys: TokenKeys,
    /// Rung when a job was enqueued that is due at once: a hint, the worker also looks by itself.
    pub jobs_due: Notify,
    /// Callbacks that are stored and are being settled.
    pub settling: Settling,
    /// Stores callbacks.
    pub intake: Intake,
    /// How often callers may call.
    pub limits: Limits,
    /// What no deployment switches off.
    pub guards: Guards,
    /// This process among the nodes.
    pub nodes: Nodes,
    /// What a running shop can change: settings and flags.
    pub settings: Settings,
    /// How many requests of each class are worked on.
    pub gates: Gates,
    /// Files that are on their way through this node at the same time.
    pub uploads: Semaphore,
    /// Pictures that are decoded at the same time: each may take much memory.
    pub pictures: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// What this node counts about itself.
    pub meters: Meters,
    /// Writes events into the log.
    pub ingest: Ingest,
}

/// Guards against requests whose client hangs up and against values that come late to the cache. They are never off, but
/// in the tests that show what they are for.
#[derive(Debug, Clone, Copy)]
pub struct Guards {
    /// Those of the database.
    pub database: data::Guards,
    /// A request is carried to its end, whether its client waits or not.
    pub finish_abandoned: bool,
    /// Those of the cache.
    pub cache: cache::Guards,
}

impl Default for Guards {
    fn default() -> Self {
        Self { database: data::Guards::default(), finish_abandoned: true, cache: cache::Guards::default() }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App(…)")
    }
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Why the application could not be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error("the database could not be opened: {0}")]
    Data(#[from] data::Error),
    /// The cache.
    #[error("the cache could not be opened: {0}")]
    Cache(#[from] cache::Error),
    /// The storage.
    #[error("the storage could not be opened: {0}")]
    Storage(#[from] storage::Error),
    /// The node number.
    #[error("this process has no node number: {0}")]
    Node(#[from] NoNumber),
    /// WeChat's settings.
    #[error("WeChat could not be set up: {0}")]
    Wechat(#[from] wechat::Error),
}

impl App {
    /// Build it from the settings: open the database (and migrate it), cache and storage, prepare the WeChat client, and
    /// take a node number. Every process that makes ids comes through here, so no two make the same; one whose clock is
    /// held in hand has nobody beside it.
    pub async fn open(config: Config, clock: Arc<dyn Clock>, role: Role) -> Result<Self, Error> {
        let database = Database::open(&config.database).await?;
        let app = Self::with_database(config, database, clock, Guards::default()).await?;
        if app.clock.ticks() {
            app.join(&role).await?;
        }
        Ok(app)
    }

    /// Build it around a database that is open, with the number of the settings, or 0, and no row that says so: for
    /// tests.
    pub async fn with_database(
        config: Config,
        database: Database,
        clock: Arc<dyn Clock>,
        guards: Guards,
    ) -> Result<Self, Error> {
        let cache = Cache::open_guarded(&config.cache, clock.clone(), guards.cache).await?;
        let storage = Storage::open(&config, clock.clone()).await?;
        let (vault, nodes) = (Arc::new(Vault::new(config.privacy.data_key.expose())), Nodes::default());
        let tokens = TokenRows {
            database: database.clone(),
            vault: vault.clone(),
            clock: clock.clone(),
            holder: nodes.holder().to_owned(),
        };
        let wechat = Wechat::new(&config.wechat, &config.pay, clock.clone(), Arc::new(tokens))?;
        let node = config.node.id.unwrap_or_default();
        let app = Self(Arc::new(Parts {
            // Below half of what a second holds.
            ids: IdSource::new(clock.clone(), node).salted(u16::from_le_bytes(random_bytes()) >> 1),
            vault,
            token_keys: TokenKeys::new(&config.auth),
            jobs_due: Notify::new(),
            settling: Settling::default(),
            intake: Intake::new(database.clone(), config.database.callback_connections),
            limits: Limits::open(&config.limits, &config.cache)?,
            guards,
            nodes,
            settings: Settings::new(&config),
            gates: Gates::new(&config.overload, config.database.connections_max),
            uploads: Semaphore::new(UPLOADS_MAX),
            pictures: Semaphore::new(PICTURES_MAX),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            ingest: Ingest::new(config.events.waiting_max),
            config,
            database,
            cache,
            storage,
            wechat,
            clock,
            meters: Meters::default(),
        }));
        app.refresh_settings().await?;
        Ok(app)
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Run a task that shutdown waits for, and that goes on when nobody waits for it any more.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        use tracing::Instrument as _;
        self.tasks.spawn(task.in_current_span())
    }

    /// Whether the application shall stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Resolves when the application shall stop.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Tell everything to stop, wait for what is under way, and close the database.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.jobs_due.notify_waiters();
        self.tasks.close();
        self.wait_alive().await;
        self.intake.close();
        self.database.close().await;
    }
}

impl App {
    /// Wait for what is under way; the node number stays this process's meanwhile, and is given back then.
    async fn wait_alive(&self) {
        let finished = self.tasks.wait();
        tokio::pin!(finished);
        loop {
            if let Err(error) = self.beat().await {
                tracing::warn!(%error, "a stopping node could not give a sign of life");
            }
            tokio::select! {
                () = &mut finished => break,
                () = tokio::time::sleep(self.beat_every()) => {}
            }
        }
        if let Err(error) = self.leave().await {
            tracing::warn!(%error, "the node number could not be given back; it is free when its lease ends");
        }
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the time of the machine is read")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
