//! Claimed: a client that hangs up at any moment harms nobody. What others were told is done stays done, no transaction
//! stays open behind it, and the connection to the database is there for the next.
//!
//! Shown: on MariaDB the application reaches its database over a wire with slow replies and has two connections. Buyers
//! order, fill carts, write addresses and look around, and hang up after ever longer times, from at once to three replies
//! later; another writes meanwhile and waits for its answers. After each round both connections are borrowed, so that
//! nobody else can be at work, and are examined; at the end each write that was answered 2xx is looked for, by a
//! connection of our own and through a second application on the same rows.
//!
//! What the guards are for, and how much of it HTTP can show. In sqlx 0.9 a `begin()` that is dropped after `BEGIN` was
//! sent and before its reply came does not know that it began, so the connection goes back into the pool with an open
//! transaction. Requests that write begin a transaction of their own, and MariaDB's `BEGIN` commits the empty one that it
//! finds: **no acknowledged HTTP request is lost** even without the guards. What is lost is a statement that commits by
//! itself on a borrowed connection, as `data::migrate` runs them: it is answered Ok, nobody else sees it, and it is gone
//! when the connection ends. So each round makes one such write on each connection, and the same run without the
//! guards must find open transactions and lost writes, or this test shows nothing. A second harm needs no transaction: a
//! statement that is dropped while the database prepares it, be it of a request that only reads, leaves sqlx out of step
//! with the protocol, and the pool waits for the connection for ever ([`Harm::stuck`]).
//!
//! On SQLite there is nothing to switch off: the connection that writes belongs to a task that lends it and gets it back
//! whatever becomes of the borrower. The same storm runs there with requests dropped in the middle.

use crate::support::{
    Backend,
    app::{Setup, TestApp, database_url},
    backend,
    client::{Answer, User, new_key},
    full, on_mysql,
    proxy::{Direction, Proxy, Way},
    servers::{self, Folder},
    shop::Goods,
};
use futures_util::future::{join_all, try_join_all};
use serde_json::{Value, json};
use sqlx::{Connection, MySqlConnection};
use std::{collections::BTreeSet, time::Duration};
use weizhan::{
    app::Guards,
    cache,
    data::{self, Sql},
};

/// Connections of the application.
const CONNECTIONS: usize = 2;
/// How much later replies of the database arrive.
const LATE: Duration = Duration::from_millis(8);

/// Without the guards: what dropped futures do to whoever comes next.
const UNGUARDED: Guards = Guards {
    database: data::Guards { rollback_on_release: false, close_unanswered: false },
    finish_abandoned: false,
    cache: cache::Guards { nonce: true, generation: true },
};

/// Whether a connection is in a transaction. `information_schema.innodb_trx` would be the other way to see it, but it is
/// a copy that all of the server's clients share and may be older than the question.
const IN_TRANSACTION: Sql =
    Sql { name: "cancellation::IN_TRANSACTION", mysql: "SELECT CAST(@@in_transaction AS SIGNED)", sqlite: "SELECT 0" };
/// MySQL does not say, but refuses this inside a transaction (1568); outside it changes nothing.
const IN_TRANSACTION_OF_MYSQL: Sql = Sql {
    name: "cancellation::IN_TRANSACTION_OF_MYSQL",
    mysql: "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    sqlite: "SELECT 0",
};

/// Any question at all.
const ANYTHING: Sql = Sql { name: "cancellation::ANYTHING", mysql: "SELECT 1", sqlite: "SELECT 1" };

async fn in_transaction(session: &mut data::Session) -> usize {
    if on_mysql() {
        return usize::from(session.execute(IN_TRANSACTION_OF_MYSQL, ()).await.is_err());
    }
    usize::try_from(session.number(IN_TRANSACTION, ()).await.unwrap()).unwrap()
}

/// What a storm did.
#[derive(Debug, Default)]
struct Harm {
    /// Requests whose client hung up before the answer.
    abandoned: usize,
    /// Writes that were answered that they are done.
    acknowledged: usize,
    /// Transactions that were open although nobody was at work.
    left_open: usize,
    /// Rounds after which a connection never came back to the pool.
    stuck: usize,
    /// Acknowledged writes that are not there.
    lost: Vec<String>,
}

#[tokio::test]
async fn clients_that_hang_up_harm_nobody() {
    let harm = storm(Guards::default(), |_| false).await;
    assert!(harm.abandoned > 0 && harm.acknowledged > 0, "{harm:?}");
    assert!(harm.lost.is_empty() && harm.left_open + harm.stuck == 0, "{harm:?}");
}

#[tokio::test]
async fn without_the_guards_the_same_storm_loses_writes() {
    let harm = storm(UNGUARDED, |harm| harm.left_open > 0 && !harm.lost.is_empty()).await;
    match backend() {
        Backend::Mariadb => assert!(harm.left_open > 0 && !harm.lost.is_empty(), "{harm:?}"),
        Backend::Sqlite => assert!(harm.lost.is_empty(), "{harm:?}"),
    }
}

/// After how long the clients of each round hang up.
fn offsets() -> impl Iterator<Item = Duration> {
    let (last, step, rounds) = if full() { (40, 1, 5) } else { (24, 2, 1) };
    (0..rounds).flat_map(move |_| (0..=last).step_by(step)).map(Duration::from_millis)
}

/// Let clients hang up until all offsets are through or the harm is enough.
async fn storm(guards: Guards, enough: impl Fn(&Harm) -> bool) -> Harm {
    let folder = Folder::new("storm");
    let url = database_url(&folder).await;
    let mut wire = Wire::to(&url).await;
    // Whoever asks for a connection waits until it has one: that is how the storm knows that nobody else is at work.
    let overrides =
        vec![("database.connections_max", CONNECTIONS.to_string()), ("database.acquire_timeout_ms", "3000".to_owned())];
    let way = wire.as_ref().map_or_else(|| url.clone(), |wire| wire.url.clone());
    let app = TestApp::with(Setup { overrides, guards, database_url: Some(way), ..Setup::default() }).await;
    let goods = app.goods(100, 100_000).await;
    let buyers = join_all((0..5).map(|number| Shopper::new(&app, &goods, number))).await;
    let (patient, hasty) = buyers.split_at(1);
    if let Some(wire) = &wire {
        wire.proxy.set(Direction::Replies, Way::Slow(LATE));
    }
    let (mut harm, mut kept) = (Harm::default(), BTreeSet::new());
    for (round, offset) in offsets().enumerate() {
        let write = async || join_all(patient.iter().map(|buyer| buyer.write(round))).await;
        let hang_up = async || join_all(hasty.iter().map(|buyer| buyer.hang_up(round, offset))).await;
        // Others are at work beside those who hang up, or were before: then these were the last on the connections.
        let (answers, cut_off) =
            if round % 2 == 0 { tokio::join!(write(), hang_up()) } else { (write().await, hang_up().await) };
        let (before, after): (Vec<_>, Vec<_>) = (answers, cut_off);
        harm.abandoned += after.iter().filter(|answer| answer.is_none()).count();
        kept.extend(before.iter().chain(after.iter().flatten()).filter_map(acknowledged));
        if let Some(wire) = &mut wire {
            wire.examine(&app, round, &mut harm).await;
        }
        if enough(&harm) {
            break;
        }
    }
    harm.acknowledged += kept.len();
    if let Some(wire) = &mut wire {
        harm.lost.extend(wire.missing(&kept).await);
    }
    app.stop().await;
    harm.lost.extend(not_seen(&url, &buyers, &kept).await);
    harm
}

/// The name of what an answer says is done.
fn acknowledged(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_str(&answer.text).ok().filter(|_| answer.status.is_success())?;
    // Whoever looks at itself is answered with an id, too.
    let noun = ["lines", "is_default"].into_iter().position(|field| body.get(field).is_some())?;
    body["id"].as_str().map(|id| format!("{} {id}", ["orders", "addresses"][noun]))
}

/// What a new application on the same rows does not show of this.
async fn not_seen(url: &str, buyers: &[Shopper], kept: &BTreeSet<String>) -> Vec<String> {
    let app = TestApp::with(Setup { database_url: Some(url.to_owned()), ..Setup::default() }).await;
    let mut seen = BTreeSet::new();
    for buyer in buyers {
        let user = app.nobody().with_token(buyer.user.signed_in["access_token"].as_str().unwrap());
        let addresses = user.get("/v1/addresses").send().await.expect(200);
        seen.extend(
            addresses.as_array().unwrap().iter().map(|row| format!("addresses {}", row["id"].as_str().unwrap())),
        );
        let mut path = "/v1/orders?limit=100".to_owned();
        loop {
            let page = user.get(&path).send().await.expect(200);
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|row| format!("orders {}", row["id"].as_str().unwrap())));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/v1/orders?limit=100&cursor={next}");
        }
    }
    app.end().await;
    kept.difference(&seen).cloned().collect()
}

/// A buyer of the storm.
struct Shopper {
    user: User,
    number: usize,
    address: String,
    sku: String,
}

impl Shopper {
    async fn new(app: &TestApp, goods: &Goods, number: usize) -> Self {
        let user = app.buyer(&format!("shopper{number}")).await;
        Self { address: user.address().await, user, number, sku: goods.sku_id.clone() }
    }

    /// A write of this round's kind.
    async fn write(&self, round: usize) -> Answer {
        let request = match (round + self.number) % 3 {
            _ if self.number > 2 => self.user.get(["/v1/orders", "/v1/cart", "/v1/addresses", "/v1/me"][round % 4]),
            0 => self.user.put(&format!("/v1/cart/items/{}", self.sku)).json(&json!({ "qty": round % 9 + 1 })),
            // A buyer has room for twenty addresses.
            1 if round < 15 => self.user.post("/v1/addresses").json(&json!({ "name": "王小明", "phone": "13800000000",
                "province": "浙江省", "city": "杭州市", "detail": "文三路 1 号" })),
            _ => self
                .user
                .post("/v1/orders")
                .key(&new_key())
                .json(&json!({ "lines": [{ "sku_id": self.sku, "qty": 1 }], "address_id": self.address })),
        };
        request.send().await
    }

    /// The same, by somebody who hangs up after so long; `None` when there was no answer yet.
    async fn hang_up(&self, round: usize, after: Duration) -> Option<Answer> {
        tokio::time::timeout(after, self.write(round)).await.ok()
    }
}

/// The slow wire to MariaDB, and a connection beside it.
struct Wire {
    proxy: Proxy,
    url: String,
    direct: MySqlConnection,
}

impl Wire {
    /// To the database of this URL, if it is MariaDB.
    async fn to(url: &str) -> Option<Self> {
        if backend() != Backend::Mariadb {
            return None;
        }
        let port = servers::mariadb().port();
        let proxy = Proxy::to(port).await;
        let slow = url.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
        Some(Self { direct: MySqlConnection::connect(url).await.unwrap(), url: slow, proxy })
    }

    async fn number(&mut self, sql: &'static str, of: i64) -> i64 {
        sqlx::query_scalar(sql).bind(of).fetch_one(&mut self.direct).await.unwrap()
    }

    /// Borrow every connection, look for open transactions, write, and look whether others see it. What they do not
    /// see is gone once the connections break.
    async fn examine(&mut self, app: &TestApp, round: usize, harm: &mut Harm) {
        let database = &app.app.database;
        let Ok(mut sessions) = try_join_all((0..CONNECTIONS).map(|_| database.read())).await else {
            harm.stuck += 1;
            return self.break_connections(app).await;
        };
        let mut names = Vec::new();
        for (place, session) in sessions.iter_mut().enumerate() {
            harm.left_open += in_transaction(session).await;
            let name = format!("storm-{round}-{place}");
            if data::lease::insert(session, &name, "nobody", app.app.now()).await.unwrap() {
                names.push(name);
            }
        }
        harm.acknowledged += names.len();
        let unseen = self.unseen(&names).await;
        drop(sessions);
        // New connections now and then: on them every statement has to be prepared, which is a moment of its own.
        if unseen.is_empty() && round % 3 != 2 {
            return;
        }
        self.break_connections(app).await;
        harm.lost.extend(self.unseen(&names).await.into_iter().map(|name| format!("leases {name}")));
    }

    /// Break every connection, wait until the server has undone what was open on them, and let the application find out.
    async fn break_connections(&mut self, app: &TestApp) {
        self.proxy.cut();
        while self.connections().await > 0 {}
        if let Ok(mut sessions) = try_join_all((0..CONNECTIONS).map(|_| app.app.database.read())).await {
            for session in &mut sessions {
                drop(session.number(ANYTHING, ()).await);
            }
        }
    }

    /// Connections of the application.
    async fn connections(&mut self) -> i64 {
        let count =
            "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() + ?";
        self.number(count, 0).await
    }

    async fn unseen(&mut self, names: &[String]) -> Vec<String> {
        let mut unseen = Vec::new();
        for name in names {
            let found = sqlx::query("SELECT 1 FROM leases WHERE name = ?").bind(name).fetch_optional(&mut self.direct);
            if found.await.unwrap().is_none() {
                unseen.push(name.clone());
            }
        }
        unseen
    }

    /// Which of these rows are not there.
    async fn missing(&mut self, kept: &BTreeSet<String>) -> Vec<String> {
        let mut missing = Vec::new();
        for name in kept {
            let (noun, id) = name.split_once(' ').unwrap();
            let count = if noun == "orders" {
                "SELECT COUNT(*) FROM orders WHERE id = ?"
            } else {
                "SELECT COUNT(*) FROM addresses WHERE id = ?"
            };
            if self.number(count, id.parse().unwrap()).await == 0 {
                missing.push(name.clone());
            }
        }
        missing
    }
}
