//! One shop on one back end: its goods, buyers and unpaid orders, in our tables and in those of the bare program.

use crate::{
    bare, load,
    machine::Cores,
    rows::{await_money, goods, put},
    servers::{Folder, Mariadb, Redis, ServerProcess, free_port},
    wechat::Wechat,
};
use anyhow::Context as _;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, MySqlConnection};
use std::{net::TcpStream, path::PathBuf, sync::Arc};
use weizhan::{
    app::{App, Role, SystemClock},
    config::Config,
    data,
    model::{id::CategoryId, product::Category},
    wechat::pay::sign::random_text,
};

/// Products in the shop, each with one SKU.
const PRODUCTS: i64 = 1000;
/// Shelves they stand on.
const SHELVES: i64 = 20;
/// People who buy.
const BUYERS: usize = 64;
/// Rows of one transaction while the shop is filled.
const CHUNK: usize = 500;

/// What the databases are.
pub enum Backend {
    /// A file, and memory.
    Sqlite,
    /// Servers of this run alone.
    Mariadb(Box<(Mariadb, Redis)>),
}

/// A product with its one SKU, with the id that both programs know it by.
#[derive(Debug, Clone)]
pub struct Goods {
    pub product: i64,
    pub sku: i64,
    pub shelf: i64,
    pub title: String,
    pub subtitle: String,
    pub detail: String,
    pub pictures: Vec<String>,
    pub price: i64,
    pub left: i64,
}

/// Somebody who has signed in and has an address.
#[derive(Debug, Clone)]
pub struct Buyer {
    pub name: String,
    pub openid: String,
    /// For us.
    pub token: String,
    /// For the bare program.
    pub bare_token: String,
    pub address: String,
}

/// An order that waits for its money.
#[derive(Debug, Clone)]
pub struct Awaiting {
    pub id: i64,
    pub out_trade_no: String,
    pub openid: String,
    pub total: i64,
}

/// A filled shop, ready to be served by either program.
pub struct World {
    pub goods: Vec<Goods>,
    pub buyers: Vec<Buyer>,
    pub awaiting: Vec<Awaiting>,
    pub wechat: Wechat,
    cores: Cores,
    settings: PathBuf,
    bare: bare::Settings,
    // Last, so that all who write there have ended.
    folder: Folder,
    _backend: Backend,
}

/// A running server; dropping it ends it.
pub struct Running {
    pub port: u16,
    process: ServerProcess,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

impl World {
    /// Fill both programs' tables. `orders` is how many wait for their money.
    pub async fn new(backend: Backend, wechat: Wechat, cores: Cores, orders: usize) -> anyhow::Result<Self> {
        let folder = Folder::new("ratios");
        let (ours, bare_url, redis_url) = match &backend {
            Backend::Sqlite => {
                let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
                (file("shop.db"), file("bare.db"), None)
            }
            Backend::Mariadb(servers) => {
                let (mariadb, redis) = &**servers;
                let base = mariadb.url_base();
                let mut root = MySqlConnection::connect(&base).await?;
                root.execute("CREATE DATABASE shop").await?;
                root.execute("CREATE DATABASE bare").await?;
                (format!("{base}/shop"), format!("{base}/bare"), Some(redis.url()))
            }
        };
        let settings = settings(&folder, &wechat, &ours, redis_url.as_deref())?;
        let materials = wechat.simulator.materials();
        let bare = bare::Settings {
            port: 0,
            database_url: bare_url,
            redis_url,
            wechat_url: wechat.url.clone(),
            appid: wechat.appid.clone(),
            secret: wechat.secret.clone(),
            public_key: materials.public_key_pem,
            api_v3_key: materials.api_v3_key,
            token_key: random_text(48),
        };
        let (goods, buyers, awaiting) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = Self { goods, buyers, awaiting, wechat, cores, settings, bare, folder, _backend: backend };
        world.stock().await?;
        world.people().await?;
        world.unpaid(orders).await?;
        bare::fill(&world.bare.database_url, &world.goods, &world.buyers, &world.awaiting).await?;
        Ok(world)
    }

    /// Our server, the program that is deployed, with these settings on top.
    pub fn serve(&self, overrides: &[(&str, &str)]) -> anyhow::Result<Running> {
        let port = free_port();
        let (settings, listen) = (self.settings.display().to_string(), format!("127.0.0.1:{port}"));
        let arguments = ["--config", &settings, "serve", "--listen", &listen];
        self.start(env!("CARGO_BIN_EXE_weizhan"), &arguments, overrides, port)
    }

    /// The bare program.
    pub fn serve_bare(&self) -> anyhow::Result<Running> {
        let port = free_port();
        let file = self.folder.path().join("bare.json");
        std::fs::write(&file, serde_json::to_vec(&bare::Settings { port, ..self.bare.clone() })?)?;
        let own = std::env::current_exe()?.display().to_string();
        self.start(&own, &["--serve-bare", &file.display().to_string()], &[], port)
    }

    fn start(&self, program: &str, arguments: &[&str], set: &[(&str, &str)], port: u16) -> anyhow::Result<Running> {
        let command = self.cores.command(program, arguments);
        let mut process = ServerProcess::start(command[0], &command[1..], set, self.folder.path());
        let listens = process.wait_ready(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
        anyhow::ensure!(listens, "{program} does not start:\n{}", process.log());
        Ok(Running { port, process })
    }

    async fn app(&self) -> anyhow::Result<App> {
        let config = Config::load(Some(&self.settings), std::iter::empty(), &[])?;
        Ok(App::open(config, Arc::new(SystemClock), Role::Tool).await?)
    }

    async fn stock(&mut self) -> anyhow::Result<()> {
        let app = self.app().await?;
        let mut session = app.database.write().await?;
        let mut shelves = Vec::new();
        for position in 0..SHELVES {
            let category = Category { id: app.ids.next(CategoryId), name: format!("Shelf {position}"), position };
            data::product::insert_category(&mut session, &category, app.now()).await?;
            shelves.push(category.id);
        }
        for (number, shelf) in (0..PRODUCTS).zip(shelves.into_iter().cycle()) {
            let goods = goods(&app, number, shelf);
            put(&app, &mut session, &goods).await?;
            self.goods.push(goods);
        }
        session.commit().await?;
        app.shut_down().await;
        Ok(())
    }

    /// Sign everybody in as clients do, over HTTP.
    async fn people(&mut self) -> anyhow::Result<()> {
        let running = self.serve(&[])?;
        let now = weizhan::model::time::Clock::now(&SystemClock).seconds();
        for number in 0..BUYERS {
            let name = format!("buyer{number}");
            let openid = self.wechat.add(&name)?;
            let body = json!({ "appid": self.wechat.appid, "code": self.wechat.code(&name)? }).to_string();
            let login = load::request("POST", "/v1/login", &[], body.as_bytes());
            let signed_in = load::ask(running.port, &login, 200).await?;
            let token = signed_in["access_token"].as_str().context("a token")?.to_owned();
            let bearer = format!("Bearer {token}");
            let place = json!({ "name": "张三", "phone": "13800000000", "province": "浙江省", "city": "杭州市", "detail": "一号" });
            let add =
                load::request("POST", "/v1/addresses", &[("authorization", &bearer)], place.to_string().as_bytes());
            let added = load::ask(running.port, &add, 201).await?;
            let address = added["id"].as_str().context("an id")?.to_owned();
            let bare_token = bare::token(&self.bare.token_key, &openid, now)?;
            self.buyers.push(Buyer { name, openid, token, bare_token, address });
        }
        Ok(())
    }

    async fn unpaid(&mut self, count: usize) -> anyhow::Result<()> {
        let app = self.app().await?;
        let (buyers, goods) = (self.buyers.clone(), self.goods.clone());
        let mut all = buyers.iter().cycle().zip(goods.iter().cycle()).take(count).peekable();
        while all.peek().is_some() {
            let mut session = app.database.write().await?;
            for (buyer, goods) in all.by_ref().take(CHUNK) {
                self.awaiting.push(await_money(&app, &mut session, buyer, goods, &self.wechat).await?);
            }
            session.commit().await?;
        }
        app.shut_down().await;
        Ok(())
    }
}

/// A settings file as a deployment writes it. Nobody is stopped by a limit, but everybody is counted.
fn settings(folder: &Folder, wechat: &Wechat, database: &str, redis: Option<&str>) -> anyhow::Result<PathBuf> {
    let (materials, many) = (wechat.simulator.materials(), 4_000_000_000_u32);
    let settings = json!({
        "limits": {
            "per_ip_per_minute": many, "per_user_per_minute": many, "login_per_ip_per_minute": many,
            "order_per_user_per_minute": many, "phone_per_user_per_minute": many, "staff_sign_in_per_ip_per_minute": many,
        },
        "database": { "url": database },
        "cache": { "redis_url": redis.unwrap_or_default() },
        "storage": { "directory": folder.path().join("objects") },
        "auth": { "token_key": random_text(48) },
        "privacy": { "data_key": random_text(48) },
        "wechat": { "base_url": wechat.url, "apps": [{ "appid": wechat.appid, "secret": wechat.secret }] },
        "pay": {
            "base_url": wechat.url,
            "notify_base_url": "http://127.0.0.1:1",
            "mchid": materials.mchid,
            "merchant_serial": materials.merchant_serial,
            "merchant_key": materials.merchant_key_pem,
            "api_v3_key": materials.api_v3_key,
            "public_key_id": materials.public_key_id,
            "public_key": materials.public_key_pem,
        },
    });
    let file = folder.path().join("weizhan.toml");
    std::fs::write(&file, toml::to_string(&settings)?)?;
    Ok(file)
}
