//! A deployment as it stands in the world: `weizhan serve` as a process of its own on the back end of this run, with
//! the machine's clock. WeChat is the simulator in the test process, so that it outlives what is killed.

use super::{
    app::{API_V3_KEY, APPS, MCHID, database_url, keys, settings},
    client::{Client, User},
    servers::{
        Folder, ServerProcess,
        process::{free_port, wait_until},
    },
    shop::Goods,
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use weizhan::{
    app::SystemClock,
    cli::tour::TourTarget,
    config::{Config, Secret},
    simulator::{NewUser, Options, Simulator},
};

/// The member of staff of every deployment.
const OWNER: (&str, &str) = ("owner", "a password for tests only");

/// What a node needs to run: settings, database, WeChat. Nodes are started and killed as a test likes.
pub struct Deployment {
    /// WeChat, which delivers by itself and in a hurry.
    pub simulator: Simulator,
    /// Where a node listens.
    pub port: u16,
    /// Settings by name, for what a test changes before it starts a node.
    pub settings: Vec<(&'static str, String)>,
    http: reqwest::Client,
    simulator_base: String,
    folder: Folder,
    _wechat: JoinSet<()>,
}

impl Deployment {
    /// An empty shop with its schema, a member of staff, and no node yet.
    pub async fn new() -> Self {
        let (folder, port) = (Folder::new("deployment"), free_port());
        let simulator = Simulator::new(Options {
            clock: Arc::new(SystemClock),
            journal: None,
            keys: Some(keys()),
            apps: APPS.iter().map(|(appid, secret)| ((*appid).to_owned(), (*secret).to_owned())).collect(),
            mchid: MCHID.to_owned(),
            api_v3_key: API_V3_KEY.to_owned(),
            // A callback is repeated after 15 ms, not after 15 s.
            speed: 1000.0,
            automatic: true,
        });
        let simulator = simulator.expect("simulator");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let simulator_base = format!("http://{}", listener.local_addr().expect("address"));
        let (mut wechat, served) = (JoinSet::new(), simulator.clone());
        wechat.spawn(async move { served.serve(listener, CancellationToken::new()).await.expect("simulator") });
        let own = format!("http://127.0.0.1:{port}");
        let url = database_url(&folder).await;
        let mut settings = settings(&simulator, &url, &simulator_base, &own, &folder.path().join("objects"));
        settings.extend([
            ("server.listen", format!("127.0.0.1:{port}")),
            ("jobs.poll_ms", "50".to_owned()),
            // A killed node holds its jobs for so long.
            ("jobs.lease_seconds", "1".to_owned()),
            // And its number for so long: there are 32.
            ("node.lease_ms", "3000".to_owned()),
            ("log.format", "pretty".to_owned()),
            ("log.filter", "warn".to_owned()),
        ]);
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().expect("client");
        let deployment = Self { simulator, port, settings, http, simulator_base, folder, _wechat: wechat };
        let password = deployment.folder.path().join("password");
        std::fs::write(&password, OWNER.1).expect("the folder is writable");
        let password = password.display().to_string();
        deployment.succeed(&[
            "admin",
            "create",
            "--name",
            OWNER.0,
            "--permissions",
            "all",
            "--password-file",
            &password,
        ]);
        deployment
    }

    /// Change a setting for the nodes to come.
    pub fn set(&mut self, key: &'static str, value: &str) {
        self.settings.push((key, value.to_owned()));
    }

    /// The settings as a node reads them.
    pub fn config(&self) -> Config {
        Config::load(None, std::iter::empty(), &self.settings).expect("the settings of tests are right")
    }

    /// Start our program with these settings; it may still be starting.
    pub fn start(&self, arguments: &[&str]) -> ServerProcess {
        self.with_environment(&[], |environment, folder| ServerProcess::weizhan(arguments, environment, folder))
    }

    /// Start a node on a socket that stays when the node goes; it may still be starting.
    pub fn serve_on(&self, socket: &std::net::TcpListener) -> ServerProcess {
        self.with_environment(&[], |environment, folder| ServerProcess::weizhan_on(socket, environment, folder))
    }

    fn with_environment(
        &self,
        own: &[(&'static str, String)],
        start: impl FnOnce(&[(&str, &str)], &Path) -> ServerProcess,
    ) -> ServerProcess {
        let settings = self.settings.iter().chain(own);
        let environment: Vec<_> = settings.map(|(key, value)| (variable(key), value)).collect();
        let environment: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        start(&environment, self.folder.path())
    }

    /// A node that answers.
    pub fn serve(&self) -> ServerProcess {
        let mut node = self.start(&["serve"]);
        assert!(node.wait_ready(|| self.is_ready()), "the node does not start:\n{}", node.log());
        node
    }

    /// One of several nodes, with a number and a port of its own, that answers.
    pub fn serve_beside(&self, number: usize, port: u16) -> ServerProcess {
        let own = [("node.id", number.to_string()), ("server.listen", format!("127.0.0.1:{port}"))];
        let mut node =
            self.with_environment(&own, |environment, folder| ServerProcess::weizhan(&["serve"], environment, folder));
        assert!(node.wait_ready(|| ready_at(port)), "node {number} does not start:\n{}", node.log());
        node
    }

    /// One of several nodes, with a port of its own and whatever number is free, that answers.
    pub fn serve_alongside(&self, port: u16) -> ServerProcess {
        let own = [("server.listen", format!("127.0.0.1:{port}"))];
        let mut node =
            self.with_environment(&own, |environment, folder| ServerProcess::weizhan(&["serve"], environment, folder));
        assert!(node.wait_ready(|| ready_at(port)), "the node at {port} does not start:\n{}", node.log());
        node
    }

    /// Start any program with these settings and more in its environment.
    pub fn start_with(&self, program: &Path, arguments: &[&str], more: &[(&str, &str)]) -> ServerProcess {
        self.with_environment(&[], |environment, folder| {
            let environment: Vec<_> = environment.iter().chain(more).copied().collect();
            ServerProcess::start(program, arguments, &environment, folder)
        })
    }

    /// A client of the node at this port that has not signed in.
    pub fn nobody_at(&self, port: u16) -> Client {
        Client::new(self.http.clone(), &format!("http://127.0.0.1:{port}"))
    }

    /// Run a command to its end, which must be a good one.
    pub fn succeed(&self, arguments: &[&str]) {
        let mut process = self.start(arguments);
        assert!(process.wait().success(), "{arguments:?}:\n{}", process.log());
    }

    /// All that processes of this deployment wrote so far; `sh` starts those on a socket of ours.
    pub fn log(&self, program: &str) -> String {
        let log = std::fs::read(self.folder.path().join(format!("{program}.log"))).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Whether the node says that it can serve.
    pub fn is_ready(&self) -> bool {
        ready_at(self.port)
    }

    /// Wait until the node says, or stops saying, that it can serve.
    pub fn wait_ready(&self, ready: bool) {
        assert!(wait_until(|| self.is_ready() == ready), "ready should become {ready}");
    }

    /// The whole answer to a plain GET; nothing when there is none.
    pub fn ask(&self, path: &str) -> Option<String> {
        ask_at(self.port, path)
    }

    /// A connection of our own to the node.
    pub fn connect(&self) -> Option<TcpStream> {
        connect_to(self.port)
    }

    /// Where the node is.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client that has not signed in.
    pub fn nobody(&self) -> Client {
        Client::new(self.http.clone(), &self.base())
    }

    /// Staff who may do everything; the node must answer.
    pub async fn owner(&self) -> User {
        let body = json!({ "name": OWNER.0, "password": OWNER.1 });
        let signed_in = self.nobody().post("/admin/v1/sign-in").json(&body).send().await.expect(200);
        User::new(&self.nobody(), &signed_in)
    }

    /// A new person at WeChat and a code to sign in with.
    pub fn code(&self, name: &str) -> Value {
        // Somebody who is there already is fine.
        let _ = self.simulator.add_user(NewUser { id: Some(name.to_owned()), ..NewUser::default() });
        json!({ "appid": APPS[0].0, "code": self.simulator.js_code(APPS[0].0, name).expect("code") })
    }

    /// A product that does not run out; the node must answer.
    pub async fn goods(&self) -> Goods {
        let owner = self.owner().await;
        let category = json!({ "name": "茶", "position": 1 });
        let category = owner.post("/admin/v1/categories").json(&category).send().await.expect(201);
        let body = json!({ "category_id": category["id"], "title": "龙井", "state": "on_sale",
            "skus": [{ "name": "50 克", "price_fen": 1_990, "initial_qty": 1_000_000 }] });
        let product = owner.post("/admin/v1/products").json(&body).send().await.expect(201);
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        Goods {
            category_id: text(&category["id"]),
            product_id: text(&product["id"]),
            sku_id: text(&product["skus"][0]["id"]),
        }
    }

    /// Where a tour goes; it tries again for so long when nobody answers.
    pub fn tour(&self, retry: Duration) -> TourTarget {
        TourTarget {
            api: self.base().parse().expect("a URL"),
            simulator: self.simulator_base.parse().expect("a URL"),
            staff_name: OWNER.0.to_owned(),
            staff_password: Secret::new(OWNER.1),
            patience: Duration::from_mins(1),
            retry,
            alone: false,
        }
    }
}

/// The variable that sets this key.
fn variable(key: &str) -> String {
    format!("WEIZHAN__{}", key.replace('.', "__").to_ascii_uppercase())
}

fn ready_at(port: u16) -> bool {
    ask_at(port, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn ask_at(port: u16, path: &str) -> Option<String> {
    let mut stream = connect_to(port)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok().map(|_| answer)
}

fn connect_to(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    Some(stream)
}
