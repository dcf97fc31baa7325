//! `weizhan cluster` as people start it, in a folder of its own, and clients that keep it busy.

use super::{
    client::{Answer, Client, Request, User, new_key},
    servers::{Folder, ServerProcess, wait_until},
};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    process::{Command, Output},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use weizhan::{
    cli::tour::TourTarget,
    config::{Config, Purpose, Secret},
};

/// A running cluster of three nodes behind nginx.
pub struct Cluster {
    /// The supervisor.
    pub process: ServerProcess,
    /// The settings of its nodes.
    pub config: Config,
    folder: Folder,
}

impl Cluster {
    /// One that serves, with these settings of the environment.
    pub fn open(environment: &[(&str, &str)]) -> Self {
        let folder = Folder::new("cluster");
        let mut process = ServerProcess::weizhan(&["cluster", "--port", "0"], environment, folder.path());
        let control = folder.path().join(".weizhan-cluster/control");
        assert!(process.wait_ready(|| control.exists()), "{}", process.log());
        let file = folder.path().join(".weizhan-cluster/config.toml");
        let config = Config::load_for(Purpose::Dev, Some(&file), std::iter::empty(), &[]).expect("its settings");
        Self { process, config, folder }
    }

    /// A file of its directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(".weizhan-cluster").join(name)
    }

    /// Another of our own programs in the same folder, run to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weizhan"));
        command.args(arguments).current_dir(self.folder.path()).output().expect("our own program starts")
    }

    /// The same, which must end well; what it said.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let [said, complained] =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        assert!(output.status.success(), "{arguments:?}: {said}{complained}");
        said
    }

    /// Where the shop is, through nginx.
    pub fn base(&self) -> String {
        self.config.pay.notify_base_url.as_str().trim_end_matches('/').to_owned()
    }

    /// A client with connections of its own that has not signed in. It sends nothing twice by itself.
    pub fn nobody(&self) -> Client {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().expect("client");
        Client::new(http, &self.base())
    }

    /// One node, past nginx.
    pub fn node(&self, number: usize) -> Client {
        let status = self.succeed(&["cluster", "status"]);
        let line = status.lines().nth(number).expect("a line a node");
        let address = line.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).expect("its address");
        let http = reqwest::Client::builder().no_proxy().build().expect("client");
        Client::new(http, &format!("http://{address}"))
    }

    /// The simulated WeChat's buttons.
    pub fn wechat(&self) -> Client {
        let http = reqwest::Client::builder().no_proxy().build().expect("client");
        Client::new(http, self.config.wechat.base_url.as_str().trim_end_matches('/'))
    }

    /// Somebody who has signed in with WeChat.
    pub async fn buyer(&self, name: &str) -> User {
        let (wechat, appid) = (self.wechat(), &self.config.wechat.apps[0].appid);
        let user = json!({ "id": name, "name": name });
        assert!(wechat.post("/_simulator/api/users").json(&user).send().await.status.is_success());
        let path = format!("/_simulator/api/users/{name}/js_code");
        let code = wechat.post(&path).json(&json!({ "appid": appid })).send().await.expect(200);
        let nobody = self.nobody();
        let body = json!({ "appid": appid, "code": code["code"] });
        let signed_in = nobody.post("/v1/login").json(&body).send().await.expect(200);
        User::new(&nobody, &signed_in)
    }

    /// SKUs that do not run out.
    pub async fn goods(&self, count: usize) -> Vec<String> {
        let (nobody, target) = (self.nobody(), self.tour());
        let body = json!({ "name": target.staff_name, "password": target.staff_password.expose() });
        let owner = nobody.post("/admin/v1/sign-in").json(&body).send().await.expect(200);
        let owner = User::new(&nobody, &owner);
        let categories = nobody.get("/v1/categories").send().await.expect(200);
        let skus: Vec<_> = (0..count)
            .map(|number| json!({ "name": format!("{number} 号"), "price_fen": 1_990, "initial_qty": 1_000_000 }))
            .collect();
        let body = json!({ "category_id": categories[0]["id"], "title": "龙井", "state": "on_sale", "skus": skus });
        let product = owner.post("/admin/v1/products").json(&body).send().await.expect(201);
        let skus = product["skus"].as_array().expect("skus");
        skus.iter().map(|sku| sku["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Where a tour goes; nothing is sent again when nobody answers.
    pub fn tour(&self) -> TourTarget {
        let password = std::fs::read_to_string(self.file("secrets/staff_password")).expect("the password of staff");
        TourTarget {
            api: self.config.pay.notify_base_url.clone(),
            simulator: self.config.wechat.base_url.clone(),
            staff_name: "admin".to_owned(),
            staff_password: Secret::new(password.trim_end()),
            patience: Duration::from_mins(1),
            retry: Duration::ZERO,
            alone: false,
        }
    }

    /// The last that nginx complained of.
    fn complaints(&self) -> String {
        let log = std::fs::read_to_string(self.file("nginx/error.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Stop it in order; nothing of it may run on.
    pub fn stop(mut self) {
        self.succeed(&["cluster", "stop"]);
        let status = self.process.wait();
        assert!(status.success(), "{}", self.process.log());
        assert!(self.is_gone(), "nothing runs on");
    }

    /// Whether no process of it is left.
    pub fn is_gone(&self) -> bool {
        let place = self.folder.path().display().to_string();
        wait_until(|| {
            let all = Command::new("ps").args(["-eo", "args="]).output().expect("ps is there");
            !String::from_utf8_lossy(&all.stdout).lines().any(|line| line.contains(&place) && !line.contains("watcher"))
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("nginx complained of:\n{}\nand the cluster said:\n{}", self.complaints(), self.process.log());
        }
    }
}

/// A request that was not answered well.
#[derive(Debug)]
pub struct Failure {
    /// When it was sent.
    pub sent: Instant,
    /// What came instead.
    pub what: String,
}

/// Clients that keep a cluster busy: each keeps its connection and asks one thing after the other, orders and cart and
/// reads.
#[derive(Default)]
pub struct Load {
    /// Requests that were answered, well or not.
    pub requests: AtomicUsize,
    /// Orders that were acknowledged.
    pub orders: Mutex<Vec<i64>>,
    /// What was not answered as it should.
    pub failures: Mutex<Vec<Failure>>,
    /// When they stop.
    pub over: CancellationToken,
}

impl Load {
    /// One client, until it is over.
    pub async fn keep(self: Arc<Self>, user: User, skus: Arc<Vec<String>>, number: usize) {
        let address = json!({ "name": "王小明", "phone": "13800000000", "province": "浙江省", "city": "杭州市",
            "detail": "文三路 1 号" });
        let address = user.post("/v1/addresses").json(&address).send().await.expect(201)["id"].clone();
        let mut order = None;
        for round in 0.. {
            if self.over.is_cancelled() {
                break;
            }
            let sku = &skus[(number + round) % skus.len()];
            let body = json!({ "lines": [{ "sku_id": sku, "qty": 1 }], "address_id": address });
            let key = new_key();
            let placed = || user.post("/v1/orders").key(&key).json(&body);
            // An order that was not answered is asked for again with its key, as a mini-program does.
            let mut answer = self.ask(placed(), 201).await;
            while answer.is_none() && !self.over.is_cancelled() {
                answer = self.ask(placed(), 201).await;
            }
            if let Some(id) = answer.as_ref().and_then(|answer| answer["id"].as_str()) {
                self.orders.lock().unwrap().push(id.parse().expect("an id"));
                order = Some(format!("/v1/orders/{id}"));
            }
            let qty = json!({ "qty": 1 + round % 5 });
            self.ask(user.put(&format!("/v1/cart/items/{sku}")).json(&qty), 200).await;
            self.ask(user.get("/v1/cart"), 200).await;
            if let Some(order) = &order {
                self.ask(user.get(order), 200).await;
            }
        }
    }

    async fn ask(&self, request: Request, status: u16) -> Option<Value> {
        let sent = Instant::now();
        let outcome = request.try_send().await;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let what = match outcome {
            Ok(answer) if answer.status.as_u16() == status => return Some(Answer::body(&answer)),
            Ok(answer) => format!("{} {}", answer.status, answer.text),
            Err(error) => format!("{error:?}"),
        };
        self.failures.lock().unwrap().push(Failure { sent, what });
        None
    }

    /// How many requests there were.
    pub fn count(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}
