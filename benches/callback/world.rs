//! A shop with orders that wait for their money, on a MariaDB at the end of a wire that can be made long.

use crate::{
    machine::Cores,
    proxy::Proxy,
    rows::{await_money, goods, put},
    servers::{Folder, Mariadb, Redis, ServerProcess, free_port},
    wechat::Wechat,
};
use bytes::Bytes;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, MySqlConnection};
use std::{
    net::TcpStream,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use weizhan::{
    app::{App, Role, SystemClock},
    config::Config,
    data,
    model::{id::CategoryId, product::Category},
    wechat::pay::sign::random_text,
};

/// Products on the shelf, so that payments seldom meet in one row.
const PRODUCTS: i64 = 200;
/// Rows of one transaction while the shop is filled.
const CHUNK: usize = 500;
/// How long what was acknowledged may take to be settled, once the database is quick again.
const PATIENCE: Duration = Duration::from_mins(3);

/// A product with its one SKU.
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

/// Somebody who has ordered.
#[derive(Debug, Clone)]
pub struct Buyer {
    pub openid: String,
}

/// An order that waits for its money.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "the bare program of the ratios knows orders by their id")]
pub struct Awaiting {
    pub id: i64,
    pub out_trade_no: String,
    pub openid: String,
    pub total: i64,
}

/// The filled shop.
pub struct World {
    /// Between the server and its database.
    pub wire: Proxy,
    awaiting: Vec<Awaiting>,
    wechat: Wechat,
    cores: Cores,
    settings: PathBuf,
    direct: String,
    folder: Folder,
    _mariadb: Mariadb,
    _redis: Redis,
}

/// A running server; dropping it ends it.
pub struct Running {
    pub port: u16,
    process: ServerProcess,
}

impl Running {
    /// That it still runs; what it said, if not.
    pub fn is_alive(&mut self) -> anyhow::Result<()> {
        let ended = self.process.has_ended();
        anyhow::ensure!(ended.is_none(), "the server ended ({ended:?}):\n{}", self.process.log());
        Ok(())
    }
}

impl World {
    /// A shop in which so many orders wait for their money.
    pub async fn new(cores: Cores, orders: usize) -> anyhow::Result<Self> {
        let (folder, mariadb, redis) = (Folder::new("callback"), Mariadb::private(), Redis::private());
        let (wechat, wire) = (Wechat::start().await?, Proxy::to(mariadb.port()).await);
        let direct = format!("{}/shop", mariadb.url_base());
        MySqlConnection::connect(&mariadb.url_base()).await?.execute("CREATE DATABASE shop").await?;
        let through = format!("mysql://root@127.0.0.1:{}/shop", wire.port());
        let settings = folder.path().join("weizhan.toml");
        let text = toml::to_string(&settings_of(&folder, &wechat, &through, &redis.url()))?;
        std::fs::write(&settings, text)?;
        let awaiting = Vec::new();
        let mut world =
            Self { wire, awaiting, wechat, cores, settings, direct, folder, _mariadb: mariadb, _redis: redis };
        world.fill(orders).await?;
        Ok(world)
    }

    /// Straight into the database, as the server itself writes.
    async fn fill(&mut self, orders: usize) -> anyhow::Result<()> {
        let overrides = [("database.url", self.direct.clone())];
        let config = Config::load(Some(&self.settings), std::iter::empty(), &overrides)?;
        let app = App::open(config, Arc::new(SystemClock), Role::Tool).await?;
        let mut session = app.database.write().await?;
        let category = Category { id: app.ids.next(CategoryId), name: "Shelf".to_owned(), position: 1 };
        data::product::insert_category(&mut session, &category, app.now()).await?;
        let all: Vec<Goods> = (0..PRODUCTS).map(|number| goods(&app, number, category.id)).collect();
        for goods in &all {
            put(&app, &mut session, goods).await?;
        }
        session.commit().await?;
        let buyer = Buyer { openid: "oAnybody".to_owned() };
        let mut wanted = all.iter().cycle().take(orders).peekable();
        while wanted.peek().is_some() {
            let mut session = app.database.write().await?;
            for goods in wanted.by_ref().take(CHUNK) {
                self.awaiting.push(await_money(&app, &mut session, &buyer, goods, &self.wechat).await?);
            }
            session.commit().await?;
        }
        app.shut_down().await;
        Ok(())
    }

    /// Our server, the program that is deployed; with other settings, by their variables.
    pub fn serve(&self, environment: &[(&str, &str)]) -> anyhow::Result<Running> {
        let port = free_port();
        let (settings, listen) = (self.settings.display().to_string(), format!("127.0.0.1:{port}"));
        let arguments = ["--config", &settings, "serve", "--listen", &listen];
        let command = self.cores.command(env!("CARGO_BIN_EXE_weizhan"), &arguments);
        let mut process = ServerProcess::start(command[0], &command[1..], environment, self.folder.path());
        let listens = process.wait_ready(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
        anyhow::ensure!(listens, "the server does not start:\n{}", process.log());
        Ok(Running { port, process })
    }

    /// That so many more of the orders were paid, says WeChat; good for five minutes.
    pub fn notices(&mut self, count: usize) -> Vec<Bytes> {
        let orders = self.awaiting.drain(..count);
        orders.map(|order| self.wechat.notice("/callback/wechat/pay", &order)).collect()
    }

    /// How many callbacks were acknowledged and are not settled.
    pub async fn waiting(&self) -> anyhow::Result<i64> {
        let mut connection = MySqlConnection::connect(&self.direct).await?;
        Ok(sqlx::query_scalar("SELECT COUNT(*) FROM notices WHERE outcome = 'waiting'")
            .fetch_one(&mut connection)
            .await?)
    }

    /// Wait until all are settled.
    pub async fn come_to_rest(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.waiting().await? > 0 {
            anyhow::ensure!(began.elapsed() < PATIENCE, "callbacks stay unsettled");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }
}

/// A settings file as a deployment writes it: everything that is not said has its default.
fn settings_of(folder: &Folder, wechat: &Wechat, database: &str, redis: &str) -> serde_json::Value {
    let (materials, many) = (wechat.simulator.materials(), 4_000_000_000_u32);
    json!({
        "limits": { "per_ip_per_minute": many },
        "log": { "filter": "error" },
        "database": { "url": database },
        "cache": { "redis_url": redis },
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
    })
}
