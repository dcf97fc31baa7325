//! The loads: what is asked of our server, and what of the bare program for the same work.

use crate::{
    load::{Source, request},
    world::{Buyer, Goods, World},
};
use bytes::Bytes;
use serde_json::json;
use std::ops::Range;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `weizhan serve`.
    Ours,
    /// The bare program.
    Bare,
}

/// On which back ends a load says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// All.
    Any,
    /// SQLite alone.
    Sqlite,
    /// MariaDB and Redis alone.
    Mariadb,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Get,
    Login,
    Order { hot: bool },
    Notice,
    Events,
}

/// One load.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What the table calls it.
    pub name: &'static str,
    /// The ratio that is aimed at.
    pub goal: f64,
    /// Where it is run.
    pub on: On,
    /// Settings of our server, as variables.
    pub settings: &'static [(&'static str, &'static str)],
    /// The status of a good answer: ours, the bare program's.
    pub status: [u16; 2],
    path: [&'static str; 2],
    work: Work,
}

const NO_L1: (&str, &str) = ("WEIZHAN__CACHE__MEMORY_BYTES_MAX", "1");
const NO_CACHE: (&str, &str) = ("WEIZHAN__CACHE__PRODUCT_STALE_MS", "0");
/// Another node works on jobs and counts events: the bare program does neither.
const NO_JOBS: (&str, &str) = ("WEIZHAN__JOBS__WORKERS", "0");
const GET: Case =
    Case { name: "", goal: 0.85, on: On::Any, settings: &[], status: [200, 200], path: ["", ""], work: Work::Get };
const ORDER: Case =
    Case { status: [201, 200], path: ["/v1/orders", "/orders"], work: Work::Order { hot: false }, goal: 0.8, ..GET };

/// All loads. `{product}` and `{shelf}` in a path stand for one of them after the other.
pub const CASES: &[Case] = &[
    Case { name: "detail, hot", path: ["/v1/products/{product}", "/products/{product}"], ..GET },
    Case { name: "list, hot", path: ["/v1/products?category_id={shelf}", "/products?category_id={shelf}"], ..GET },
    Case {
        name: "detail, Redis only",
        on: On::Mariadb,
        settings: &[NO_L1],
        path: ["/v1/products/{product}", "/redis/products/{product}"],
        ..GET
    },
    Case {
        name: "detail, cold",
        goal: 0.9,
        on: On::Sqlite,
        settings: &[NO_CACHE],
        path: ["/v1/products/{product}", "/cold/products/{product}"],
        ..GET
    },
    Case {
        name: "list, cold",
        goal: 0.9,
        on: On::Sqlite,
        settings: &[NO_CACHE],
        path: ["/v1/products?category_id={shelf}", "/cold/products?category_id={shelf}"],
        ..GET
    },
    Case { name: "me, against token and row", path: ["/v1/me", "/me"], ..GET },
    Case { name: "me, against token alone", path: ["/v1/me", "/token"], ..GET },
    Case { name: "login", goal: 0.8, path: ["/v1/login", "/login"], work: Work::Login, ..GET },
    Case {
        name: "login, counted elsewhere",
        goal: 0.8,
        on: On::Mariadb,
        settings: &[NO_JOBS],
        path: ["/v1/login", "/login"],
        work: Work::Login,
        ..GET
    },
    Case { name: "order, spread", ..ORDER },
    Case { name: "order, counted elsewhere", on: On::Mariadb, settings: &[NO_JOBS], ..ORDER },
    Case { name: "order, one hot SKU", goal: 1.5, work: Work::Order { hot: true }, ..ORDER },
    Case { name: "order, against 32 a commit", goal: 0.6, on: On::Sqlite, path: ["/v1/orders", "/grouped"], ..ORDER },
    Case {
        name: "callback",
        goal: 0.8,
        status: [204, 204],
        path: ["/callback/wechat/pay", "/notice"],
        work: Work::Notice,
        ..GET
    },
    Case {
        name: "events, batch of 100",
        goal: 0.6,
        settings: &[NO_JOBS],
        path: ["/v1/events", "/events"],
        work: Work::Events,
        ..GET
    },
];

impl Case {
    /// Whether it takes orders that wait for their money.
    pub fn takes_money(&self) -> bool {
        self.work == Work::Notice
    }

    /// The requests of one round; those that count once are made before it. `part` is which unpaid orders may be
    /// paid, and how many sign-ins there are at most.
    pub fn requests<'a>(&self, side: Side, world: &'a World, part: Range<usize>) -> anyhow::Result<Source<'a>> {
        let path = self.path[usize::from(side == Side::Bare)];
        match self.work {
            Work::Get => {
                let make = |(goods, buyer): (&Goods, &Buyer)| {
                    let product = goods.product.to_string();
                    let path = path.replace("{product}", &product).replace("{shelf}", &goods.shelf.to_string());
                    let personal = path.ends_with("/me") || path.ends_with("/token");
                    let bearer = bearer(side, buyer);
                    let headers: &[(&str, &str)] = if personal { &[("authorization", &bearer)] } else { &[] };
                    request("GET", &path, headers, b"")
                };
                Ok(around(world.goods.iter().zip(world.buyers.iter().cycle()).map(make).collect()))
            }
            Work::Login => {
                let names = world.buyers.iter().cycle().take(part.len());
                let make = |buyer: &Buyer| {
                    let body = json!({ "appid": world.wechat.appid, "code": world.wechat.code(&buyer.name)? });
                    let bare = json!({ "code": body["code"] });
                    let body = if side == Side::Ours { body } else { bare };
                    Ok(request("POST", path, &[], body.to_string().as_bytes()))
                };
                Ok(once(names.map(make).collect::<anyhow::Result<_>>()?))
            }
            Work::Notice => {
                Ok(once(world.awaiting[part].iter().map(|order| world.wechat.notice(path, order)).collect()))
            }
            Work::Order { hot } => Ok(orders(side, world, path, hot)),
            Work::Events => Ok(events(path)),
        }
    }
}

fn bearer(side: Side, buyer: &Buyer) -> String {
    format!("Bearer {}", if side == Side::Ours { &buyer.token } else { &buyer.bare_token })
}

/// The same again and again.
fn around<'a>(requests: Vec<Bytes>) -> Source<'a> {
    let mut next = 0;
    Box::new(move || {
        next = (next + 1) % requests.len();
        requests.get(next).cloned()
    })
}

/// Each once.
fn once<'a>(requests: Vec<Bytes>) -> Source<'a> {
    let mut requests = requests.into_iter();
    Box::new(move || requests.next())
}

/// A new order each time, with a key that was never used.
fn orders<'a>(side: Side, world: &'a World, path: &'a str, hot: bool) -> Source<'a> {
    let (run, mut count) = (weizhan::wechat::pay::sign::random_text(16), 0_usize);
    let bearers: Vec<_> = world.buyers.iter().map(|buyer| bearer(side, buyer)).collect();
    Box::new(move || {
        count += 1;
        // 7 shares no factor with the number of products: neighbours in time are not neighbours on disk.
        let goods = &world.goods[if hot { 0 } else { count * 7 % world.goods.len() }];
        let at = count % world.buyers.len();
        let (buyer, key) = (&world.buyers[at], format!("{run}{count:010}"));
        let body = match side {
            Side::Ours => {
                format!(r#"{{"lines":[{{"sku_id":"{}","qty":1}}],"address_id":"{}"}}"#, goods.sku, buyer.address)
            }
            Side::Bare => {
                format!(
                    r#"{{"product_id":{},"qty":1,"address":"Zhang San, No. 1, Example Road, Hangzhou"}}"#,
                    goods.product
                )
            }
        };
        let headers = [("authorization", bearers[at].as_str()), ("idempotency-key", &key)];
        Some(request("POST", path, &headers, body.as_bytes()))
    })
}

/// A hundred new events of one installation after the other, the same for both.
fn events(path: &str) -> Source<'_> {
    let (run, mut count) = (weizhan::wechat::pay::sign::random_text(8), 0_usize);
    let now = weizhan::model::time::Clock::now(&weizhan::app::SystemClock).0;
    Box::new(move || {
        count += 1;
        let event = |number: usize| {
            format!(
                r#"{{"id":"{run}-{count:08}-{number:02}","kind":"page_view","occurred_ms":{now},"page":"pages/product/index","name":"","detail":{{"from":"list","place":{number}}}}}"#
            )
        };
        let events: Vec<_> = (0..100).map(event).collect();
        let body = format!(
            r#"{{"source":"installation-{:04}","sent_ms":{now},"channel":"1001","events":[{}]}}"#,
            count % 1000,
            events.join(",")
        );
        Some(request("POST", path, &[], body.as_bytes()))
    })
}
