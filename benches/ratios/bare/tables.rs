//! Tables of the bare program, its statements, and the rows it starts with.

use crate::world::{Awaiting, Buyer, Goods};
use sqlx::{
    AssertSqlSafe, Executor as _,
    mysql::MySqlPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    str::FromStr as _,
    sync::atomic::{AtomicI64, Ordering},
};
use weizhan::{app::SystemClock, model::time::Clock as _};

pub(super) const DETAIL: &str =
    "SELECT id, category_id, title, subtitle, detail, pictures, price_fen, sales, left_qty FROM products WHERE id = ?";
pub(super) const LIST: &str = "SELECT id, category_id, title, cover_url, price_fen, sales FROM products
     WHERE category_id = ? AND on_sale = 1 ORDER BY id DESC LIMIT 20";
pub(super) const PERSON: &str = "SELECT nickname, seen_ms FROM people WHERE openid = ?";
pub(super) const PRICE: &str = "SELECT title, price_fen FROM products WHERE id = ? AND on_sale = 1";
pub(super) const TAKE: &str = "UPDATE products SET left_qty = left_qty - ? WHERE id = ? AND left_qty >= ?";
pub(super) const ORDER: &str =
    "INSERT INTO orders (id, order_no, openid, state, total_fen, address, created_ms) VALUES (?, ?, ?, 0, ?, ?, ?)";
pub(super) const LINE: &str =
    "INSERT INTO order_items (order_id, product_id, title, price_fen, qty) VALUES (?, ?, ?, ?, ?)";
pub(super) const PAY: &str =
    "UPDATE orders SET state = 1, paid_ms = ?, transaction_id = ? WHERE order_no = ? AND state = 0";
pub(super) const MONEY: &str =
    "INSERT INTO money (transaction_id, order_no, total_fen, created_ms) VALUES (?, ?, ?, ?)";
pub(super) const EVENTS: &str =
    "INSERT INTO events (event_id, source, kind, occurred_ms, received_ms, page, channel, name, detail) ";

const TABLES: [&str; 6] = [
    "CREATE TABLE products (id BIGINT PRIMARY KEY, category_id BIGINT NOT NULL, title VARCHAR(200) NOT NULL,
     subtitle VARCHAR(200) NOT NULL, detail TEXT NOT NULL, cover_url VARCHAR(400) NOT NULL, pictures TEXT NOT NULL,
     price_fen BIGINT NOT NULL, sales BIGINT NOT NULL, left_qty BIGINT NOT NULL, on_sale BIGINT NOT NULL)",
    "CREATE TABLE people (openid VARCHAR(64) PRIMARY KEY, nickname VARCHAR(100) NOT NULL, seen_ms BIGINT NOT NULL)",
    "CREATE TABLE orders (id BIGINT PRIMARY KEY, order_no VARCHAR(32) NOT NULL UNIQUE, openid VARCHAR(64) NOT NULL,
     state BIGINT NOT NULL, total_fen BIGINT NOT NULL, address VARCHAR(400) NOT NULL, created_ms BIGINT NOT NULL,
     paid_ms BIGINT, transaction_id VARCHAR(64))",
    "CREATE TABLE order_items (order_id BIGINT NOT NULL, product_id BIGINT NOT NULL, title VARCHAR(200) NOT NULL,
     price_fen BIGINT NOT NULL, qty BIGINT NOT NULL, PRIMARY KEY (order_id, product_id))",
    "CREATE TABLE money (transaction_id VARCHAR(64) PRIMARY KEY, order_no VARCHAR(32) NOT NULL,
     total_fen BIGINT NOT NULL, created_ms BIGINT NOT NULL)",
    "CREATE TABLE events (event_id VARCHAR(40) NOT NULL, source VARCHAR(40) NOT NULL, kind VARCHAR(16) NOT NULL,
     occurred_ms BIGINT NOT NULL, received_ms BIGINT NOT NULL, page VARCHAR(100) NOT NULL, channel VARCHAR(32) NOT NULL,
     name VARCHAR(100) NOT NULL, detail VARCHAR(1000) NOT NULL)",
];
const INDEX: &str = "CREATE INDEX products_shelf ON products (category_id, on_sale, id)";

pub(super) fn now_ms() -> i64 {
    SystemClock.now().0
}

/// An id and a number that no other order has.
pub(super) fn new_order() -> (i64, String) {
    static COUNT: AtomicI64 = AtomicI64::new(0);
    let id = now_ms() * 4096 + COUNT.fetch_add(1, Ordering::Relaxed) % 4096;
    (id, format!("B{id}"))
}

/// A pool for MySQL that asks nothing before a connection is used.
pub(super) async fn mysql(url: &str) -> anyhow::Result<sqlx::MySqlPool> {
    let options = MySqlPoolOptions::new().max_connections(16).min_connections(16).test_before_acquire(false);
    Ok(options.connect(url).await?)
}

/// Four readers, and one writer that makes every commit last.
pub(super) async fn sqlite(url: &str) -> anyhow::Result<(sqlx::SqlitePool, sqlx::SqlitePool)> {
    let options = SqliteConnectOptions::from_str(url)?.create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let pool = |connections| SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
    let writer = pool(1).connect_with(options.clone()).await?;
    Ok((pool(4).connect_with(options).await?, writer))
}

/// Values as SQL text: all of them are made by this bench.
fn rows<T>(insert: &str, all: &[T], row: impl Fn(&T) -> String) -> Vec<String> {
    let statement = |part: &[T]| format!("{insert} {}", part.iter().map(&row).collect::<Vec<_>>().join(", "));
    all.chunks(500).map(statement).collect()
}

/// Make the tables and put the same goods, people and unpaid orders into them as the real shop has.
pub async fn fill(url: &str, goods: &[Goods], buyers: &[Buyer], awaiting: &[Awaiting]) -> anyhow::Result<()> {
    let mut script: Vec<String> = TABLES.iter().chain([&INDEX]).map(ToString::to_string).collect();
    script.extend(rows("INSERT INTO products VALUES", goods, |one| {
        let Goods { product, shelf, title, subtitle, detail, pictures, price, left, .. } = one;
        let cover = pictures.first().map_or("", String::as_str);
        let pictures = serde_json::to_string(pictures).unwrap_or_default();
        format!(
            "({product}, {shelf}, '{title}', '{subtitle}', '{detail}', '{cover}', '{pictures}', {price}, 0, {left}, 1)"
        )
    }));
    script.extend(rows("INSERT INTO people VALUES", buyers, |buyer| format!("('{}', '', 1)", buyer.openid)));
    let insert = "INSERT INTO orders (id, order_no, openid, state, total_fen, address, created_ms) VALUES";
    script.extend(rows(insert, awaiting, |order| {
        format!("({}, '{}', '{}', 0, {}, 'x', 1)", order.id, order.out_trade_no, order.openid, order.total)
    }));
    run(url, script).await
}

#[expect(clippy::disallowed_methods, reason = "every text is made by this bench")]
async fn run(url: &str, script: Vec<String>) -> anyhow::Result<()> {
    if url.starts_with("sqlite:") {
        let (_, writer) = sqlite(url).await?;
        let mut unit = writer.begin().await?;
        for text in script {
            unit.execute(AssertSqlSafe(text)).await?;
        }
        unit.commit().await?;
        writer.close().await;
    } else {
        let pool = mysql(url).await?;
        for text in script {
            pool.execute(AssertSqlSafe(text)).await?;
        }
        pool.close().await;
    }
    Ok(())
}
