//! The application under test: the real one, on a database of its own, with the simulator as WeChat and a clock that
//! moves when told.

use super::{
    Backend, backend,
    client::{Client, User},
    servers::{self, process::Folder},
    with_redis,
};
use sqlx::{Connection, Executor};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weizhan::{
    app::{App, Guards},
    compute,
    config::Config,
    data::Database,
    model::{
        job::JobState,
        staff::Permission,
        time::{Clock, FixedClock, Timestamp},
    },
    service,
    simulator::{CosOptions, CosSimulator, NewUser, Options, Simulator},
};

/// The mini-programs of the tests.
pub const APPS: [(&str, &str); 2] = [
    ("wxa111111111111111", "test-secret-of-the-first-mini-program"),
    ("wxb222222222222222", "test-secret-of-the-second-mini-program"),
];
/// The token of both mini-programs' messages.
pub const PUSH_TOKEN: &str = "pushtokenoftests";
/// The key that seals the messages of the first mini-program; those of the second come plain.
pub const PUSH_AES_KEY: &str = "kQ3vX8mB1nZ6cR5tY7uW2eP9aS4dF0gHjLkMoIpUqTz";
/// The merchant of the tests.
pub const MCHID: &str = "1900000001";
/// The `APIv3` key of the tests.
pub const API_V3_KEY: &str = "0123456789abcdefghijklmnopqrstuv";
/// When tests begin: 2026-11-23 12:00 in Shanghai.
pub const START: Timestamp = Timestamp::from_seconds(1_795_406_400);

/// Keys of the simulator, made once a run: RSA keys take long in tests.
static KEYS: LazyLock<Folder> = LazyLock::new(|| Folder::new("keys"));
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A running application. End it with [`TestApp::end`].
pub struct TestApp {
    /// The application.
    pub app: App,
    /// WeChat.
    pub simulator: Simulator,
    /// The time.
    pub clock: Arc<FixedClock>,
    /// `http://127.0.0.1:…`.
    pub base: String,
    /// Where the simulator listens.
    pub simulator_base: String,
    /// The object store, if it is one.
    pub cos: Option<CosSimulator>,
    http: reqwest::Client,
    stop: CancellationToken,
    tasks: TaskTracker,
    ended: AtomicBool,
    _folder: Folder,
}

/// What differs from the usual.
#[derive(Default)]
pub struct Setup {
    /// Settings, such as `("order.unpaid_minutes", "5")`.
    pub overrides: Vec<(&'static str, String)>,
    /// Guards that are off.
    pub guards: Guards,
    /// A database that is reached some other way, by its URL.
    pub database_url: Option<String>,
    /// Objects are kept in a simulated COS instead of a folder.
    pub cos: bool,
}

impl TestApp {
    /// The application with the usual settings.
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// The application for a crowd: whoever comes waits for the database, however slow the machine is. What is claimed of
    /// a race is who wins it, not that nobody is told to come back.
    pub async fn crowded() -> Self {
        let overrides = vec![("database.acquire_timeout_ms", "60000".to_owned())];
        Self::with(Setup { overrides, ..Setup::default() }).await
    }

    /// The application with other settings.
    pub async fn with(setup: Setup) -> Self {
        let (folder, clock) = (Folder::new("app"), Arc::new(FixedClock::new(START)));
        let stop = CancellationToken::new();
        let simulator = simulator(clock.clone(), Some(wechat_keys()));
        let (simulator_listener, simulator_base) = listen().await;
        let (listener, base) = listen().await;
        let url = match setup.database_url {
            Some(url) => url,
            None => database_url(&folder).await,
        };
        let mut overrides = settings(&simulator, &url, &simulator_base, &base, &folder.path().join("objects"));
        let mut cos = None;
        if setup.cos {
            let (listener, base) = listen().await;
            let (options, settings) = bucket(clock.clone(), &base, folder.path().join("cos"));
            overrides.extend(settings);
            cos = Some((CosSimulator::new(options).expect("simulated COS"), listener));
        }
        overrides.extend(setup.overrides);
        let config = Config::load(None, std::iter::empty(), &overrides).expect("the settings of tests are right");
        let database = Database::open_guarded(&config.database, setup.guards.database).await.expect("database");
        let app = App::with_database(config, database, clock.clone(), setup.guards).await.expect("application");
        let (served, simulated, stopped) = (app.clone(), simulator.clone(), stop.clone());
        let tasks = TaskTracker::new();
        tasks.spawn(async move { weizhan::http::serve(&served, listener).await.expect("serve") });
        tasks.spawn(async move { simulated.serve(simulator_listener, stopped).await.expect("simulator") });
        let store = cos.as_ref().map(|(store, _)| store.clone());
        if let Some((cos, listener)) = cos {
            let stopped = stop.clone();
            tasks.spawn(async move { cos.serve(listener, stopped).await.expect("simulated COS") });
        }
        tasks.close();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().expect("client");
        let ended = AtomicBool::new(false);
        Self { app, simulator, clock, base, simulator_base, cos: store, http, stop, tasks, ended, _folder: folder }
    }

    /// Somebody who talks to another server, by its address.
    pub fn client_of(&self, base: &str) -> Client {
        Client::new(self.http.clone(), base)
    }

    /// A client that has not signed in.
    pub fn nobody(&self) -> Client {
        Client::new(self.http.clone(), &self.base)
    }

    /// A person who has signed in with WeChat in the first mini-program.
    pub async fn buyer(&self, name: &str) -> User {
        self.buyer_in(APPS[0].0, name).await
    }

    /// A person who has signed in with WeChat in a mini-program.
    pub async fn buyer_in(&self, appid: &str, name: &str) -> User {
        self.simulator.add_user(NewUser { id: Some(name.to_owned()), ..NewUser::default() }).expect("user");
        let code = self.simulator.js_code(appid, name).expect("code");
        let body = serde_json::json!({ "appid": appid, "code": code });
        let signed_in = self.nobody().post("/v1/login").json(&body).send().await.expect(200);
        User::new(&self.nobody(), &signed_in)
    }

    /// A member of staff who may do these things and has signed in.
    pub async fn staff(&self, rights: &[Permission]) -> User {
        let name = format!("staff{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let password = "a password for tests only";
        service::staff::create(&self.app, &name, password, rights).await.expect("staff");
        let body = serde_json::json!({ "name": name, "password": password });
        let signed_in = self.nobody().post("/admin/v1/sign-in").json(&body).send().await.expect(200);
        User::new(&self.nobody(), &signed_in)
    }

    /// Move the clock.
    pub fn advance(&self, while_: Duration) {
        self.clock.advance(while_);
    }

    /// The time in seconds since 1970, as WeChat writes it.
    pub fn clock_seconds(&self) -> i64 {
        self.clock.now().seconds()
    }

    /// Run every job that is due; how many there were.
    pub async fn run_jobs(&self) -> usize {
        service::payment::sweep(&self.app).await.expect("callbacks");
        compute::worker::run_due(&self.app).await.expect("jobs")
    }

    /// Let WeChat deliver what is due; how many callbacks were sent.
    pub async fn deliver(&self) -> usize {
        let count = self.simulator.deliver_due().await.expect("callbacks");
        self.settled().await;
        count
    }

    /// Wait until nothing is being settled: callbacks are answered before they are carried out.
    pub async fn settled(&self) {
        while !self.app.settling.is_idle() {
            tokio::task::yield_now().await;
        }
    }

    /// Everything that must be true of the rows, by name, with the rows that break it.
    pub async fn broken(&self) -> Vec<(&'static str, Vec<i64>)> {
        let findings = service::verify::run(&self.app, |_| {}).await.expect("verify");
        let broken = findings.into_iter().filter(|finding| !finding.ids.is_empty());
        broken.map(|finding| (finding.name, finding.ids)).collect()
    }

    /// Check what must be true after every test, and stop.
    pub async fn end(self) {
        assert_eq!(self.broken().await, [], "the rows break these");
        let mut session = self.app.database.read().await.expect("read");
        let running = weizhan::data::job::count(&mut session, JobState::Running).await.expect("count");
        assert_eq!(running, 0, "jobs were left running");
        let due = weizhan::data::job::next_due(&mut session).await.expect("due");
        drop(session);
        assert!(due.is_none_or(|due| due > self.clock.now()), "due jobs were left behind");
        self.stop().await;
    }

    /// Stop without looking.
    pub async fn stop(self) {
        self.ended.store(true, Ordering::Relaxed);
        self.stop.cancel();
        self.app.shut_down().await;
        self.tasks.wait().await;
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let forgotten = !self.ended.load(Ordering::Relaxed) && !std::thread::panicking();
        assert!(!forgotten, "a test must end its application: `app.end().await`");
    }
}

/// The folder of the simulator's keys; they are there as soon as a simulator is.
pub fn wechat_keys() -> PathBuf {
    KEYS.path().join("rsa")
}

/// A WeChat of its own.
pub fn simulator(clock: Arc<FixedClock>, keys: Option<PathBuf>) -> Simulator {
    let apps = APPS.iter().map(|(appid, secret)| ((*appid).to_owned(), (*secret).to_owned())).collect();
    let options = Options {
        clock,
        journal: None,
        keys,
        apps,
        mchid: MCHID.to_owned(),
        api_v3_key: API_V3_KEY.to_owned(),
        speed: 1.0,
        automatic: false,
    };
    Simulator::new(options).expect("simulator")
}

/// The folder of the keys of WeChat and its merchant, which are the same for all tests.
pub fn keys() -> PathBuf {
    KEYS.path().join("rsa")
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("address"));
    (listener, base)
}

/// A simulated COS at this address, and the settings that reach it.
fn bucket(clock: Arc<FixedClock>, base: &str, folder: PathBuf) -> (CosOptions, Vec<(&'static str, String)>) {
    let options = CosOptions {
        clock,
        folder,
        bucket: "shop-1250000000".to_owned(),
        region: "ap-guangzhou".to_owned(),
        secret_id: "AKIDtests00000000001".to_owned(),
        secret_key: "r8Kq2Vw5Zx1Nb7Tm4Jd9Hs3Lf6Pg0Yc".to_owned(),
    };
    let settings = vec![
        ("storage.kind", "cos".to_owned()),
        ("cos.bucket", options.bucket.clone()),
        ("cos.region", options.region.clone()),
        ("cos.secret_id", options.secret_id.clone()),
        ("cos.secret_key", options.secret_key.clone()),
        ("cos.base_url", base.to_owned()),
        ("cos.sts_base_url", base.to_owned()),
        ("cos.retry_ms", "1".to_owned()),
    ];
    (options, settings)
}

/// A database of its own on the back end of this run.
pub async fn database_url(folder: &Folder) -> String {
    match backend() {
        Backend::Sqlite => format!("sqlite:{}", folder.path().join("shop.db").display()),
        Backend::Mariadb => fresh_mariadb(&servers::mariadb().url_base()).await,
    }
}

/// A new, empty database on this server.
pub async fn fresh_mariadb(url_base: &str) -> String {
    let name = format!("shop_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut root = sqlx::MySqlConnection::connect(url_base).await.expect("mariadb");
    let create: &'static str = Box::leak(format!("CREATE DATABASE {name}").into_boxed_str());
    root.execute(create).await.expect("a new database");
    format!("{url_base}/{name}")
}

/// Settings that reach the simulator and these back ends.
pub fn settings(
    simulator: &Simulator,
    database_url: &str,
    wechat: &str,
    own: &str,
    objects: &Path,
) -> Vec<(&'static str, String)> {
    let materials = simulator.materials();
    let app = |(place, (appid, secret)): (usize, &(&str, &str))| {
        let key = if place == 0 { PUSH_AES_KEY } else { "" };
        format!("{{ appid = '{appid}', secret = '{secret}', push_token = '{PUSH_TOKEN}', push_aes_key = '{key}' }}")
    };
    let apps: Vec<_> = APPS.iter().enumerate().map(app).collect();
    let many = || "1000000".to_owned();
    let mut settings = vec![
        ("database.url", database_url.to_owned()),
        ("database.connections_max", "12".to_owned()),
        ("database.callback_connections", "3".to_owned()),
        ("storage.directory", objects.display().to_string()),
        ("auth.token_key", "a token key of the tests, long enough for anybody".to_owned()),
        ("privacy.data_key", "a data key of the tests, long enough for anybody".to_owned()),
        ("wechat.base_url", wechat.to_owned()),
        ("wechat.apps", format!("[{}]", apps.join(", "))),
        ("pay.base_url", wechat.to_owned()),
        ("pay.notify_base_url", own.to_owned()),
        ("pay.mchid", materials.mchid),
        ("pay.merchant_serial", materials.merchant_serial),
        ("pay.merchant_key", materials.merchant_key_pem),
        ("pay.api_v3_key", materials.api_v3_key),
        ("pay.public_key_id", materials.public_key_id),
        ("pay.public_key", materials.public_key_pem),
        ("pay.platform_certificates", "true".to_owned()),
        // Tests move the clock by hours while somebody stays signed in.
        ("auth.access_minutes", "600".to_owned()),
        ("server.drain_ms", "0".to_owned()),
        ("server.handler_timeout_ms", "60000".to_owned()),
        ("limits.per_ip_per_minute", many()),
        ("limits.per_user_per_minute", many()),
        ("limits.login_per_ip_per_minute", many()),
        ("limits.order_per_user_per_minute", many()),
        ("limits.phone_per_user_per_minute", many()),
        ("limits.staff_sign_in_per_ip_per_minute", many()),
        // Crowds of tests are to race and not to be refused.
        ("overload.requests_per_connection", "1000".to_owned()),
        ("overload.target_ms", "60000".to_owned()),
        ("overload.queue_ms", "60000".to_owned()),
    ];
    if with_redis() {
        let number = COUNT.fetch_add(1, Ordering::Relaxed) % 4096;
        settings.push(("cache.redis_url", format!("{}/{number}", servers::redis().url().trim_end_matches('/'))));
    }
    settings
}
