//! Claimed: what was answered 2xx survives `kill -9` of the server, and so does every fen: after it comes back, each
//! payment at WeChat is an order's or was given back.
//!
//! Shown: `weizhan serve` runs as a process of its own and is killed at random moments (the seed is printed;
//! `WEIZHAN_TEST_SEED` repeats a run's moments) and started again on the same port, while tours take place and other
//! buyers keep a ledger of their own of every answer: addresses, orders and how far they came, refunds. All of them try
//! again when nobody answers, as a mini-program does; WeChat repeats its callbacks. In the end the ledger, WeChat's
//! books and the rows are compared, and `weizhan verify` must find nothing.

use crate::support::{
    books::quiesce,
    client::{Client, new_key, until_answered},
    full,
    node::Deployment,
    seed::Seed,
    shop::Goods,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use weizhan::cli::tour;

/// How long buyers, and what follows the last kill, may take. Only a broken server takes it.
const PATIENCE: Duration = Duration::from_mins(2);
/// States of an order that is paid, in their order.
const PAID: [&str; 4] = ["paid", "shipped", "received", "refunded"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_kill_9() {
    let seed = Seed::of_run();
    let shop = Arc::new(Deployment::new().await);
    let mut node = shop.serve();
    let (goods, over) = (Arc::new(shop.goods().await), CancellationToken::new());
    let mut crowd = JoinSet::new();
    for _ in 0..2 {
        crowd.spawn(keep_touring(shop.tour(PATIENCE), over.clone()));
    }
    let mut buyers = JoinSet::new();
    for number in 0..3 {
        buyers.spawn(keep_buying(shop.clone(), goods.clone(), number, over.clone()));
    }
    for _ in 0..if full() { 200 } else { 20 } {
        // The moment, from at once while it still starts to a second of work, is the experiment; nothing is waited for.
        tokio::time::sleep(Duration::from_millis(seed.next() % 1000)).await;
        node.kill9();
        node = shop.serve();
    }
    over.cancel();
    let reports: Vec<tour::Report> = crowd.join_all().await.into_iter().flatten().collect();
    let ledger: Vec<Fact> = buyers.join_all().await.into_iter().flatten().collect();
    assert!(!reports.is_empty() && !ledger.is_empty(), "somebody must get something done between two kills");
    println!("{} tours, {} acknowledged facts", reports.len(), ledger.len());
    quiesce(&shop, PATIENCE).await;
    assert_eq!(forgotten(&shop, &ledger).await, Vec::<String>::new());
    let shipments = shop.simulator.shipments();
    assert!(shipments.iter().all(|row| row.uploads == 1 && row.finished), "each is told once: {shipments:?}");
    assert!(shipments.len() >= reports.len(), "every tour sends a parcel");
    assert!(node.terminate().success(), "{}", node.log());
    shop.succeed(&["verify"]);
}

async fn keep_touring(target: tour::TourTarget, stop: CancellationToken) -> Vec<tour::Report> {
    let mut reports = Vec::new();
    while !stop.is_cancelled() {
        let mut said = Vec::new();
        match tour::run(&target, &mut said).await {
            Ok(report) => reports.push(report),
            Err(error) => panic!("{error:#}\n{}", String::from_utf8_lossy(&said)),
        }
    }
    reports
}

/// Something that was answered 2xx.
#[derive(Debug)]
struct Fact {
    token: String,
    /// Where it is seen.
    path: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// An address of this id is in the list, or is not any more.
    Address(String, bool),
    /// The order is in one of these states.
    Order(&'static [&'static str]),
    /// The order has a refund of this id.
    Refund(String),
}

async fn keep_buying(
    deployment: Arc<Deployment>,
    goods: Arc<Goods>,
    number: usize,
    stop: CancellationToken,
) -> Vec<Fact> {
    let mut ledger = Vec::new();
    for round in 0.. {
        if stop.is_cancelled() {
            break;
        }
        buy(&deployment, &goods, &format!("buyer-{number}-{round}"), round, &mut ledger).await;
    }
    ledger
}

/// One buyer's dealings; each answer goes into the ledger.
async fn buy(shop: &Deployment, goods: &Goods, name: &str, round: usize, ledger: &mut Vec<Fact>) {
    let nobody = shop.nobody();
    // A code is good for one use: each try has its own.
    let signed_in = until_answered(|| nobody.post("/v1/login").json(&shop.code(name))).await.expect(200);
    let token = signed_in["access_token"].as_str().unwrap().to_owned();
    let user = nobody.with_token(&token);
    let mut note = |path: &str, kind| ledger.push(Fact { token: token.clone(), path: path.to_owned(), kind });

    let address = json!({ "name": "王小明", "phone": "13800000000", "province": "浙江省", "city": "杭州市",
        "detail": "文三路 1 号" });
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = until_answered(|| user.post("/v1/addresses").json(&address)).await.expect(201);
        ids.push(answer["id"].as_str().unwrap().to_owned());
    }
    let gone = until_answered(|| user.delete(&format!("/v1/addresses/{}", ids[1]))).await;
    // 404 when the first try arrived and its answer did not.
    assert!([204, 404].contains(&gone.status.as_u16()), "{gone:?}");
    note("/v1/addresses", Kind::Address(ids[0].clone(), true));
    note("/v1/addresses", Kind::Address(ids[1].clone(), false));

    let (key, body) = (new_key(), json!({ "lines": [{ "sku_id": goods.sku_id, "qty": 1 }], "address_id": ids[0] }));
    let order = until_answered(|| user.post("/v1/orders").key(&key).json(&body)).await.expect(201);
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    if round.is_multiple_of(3) {
        let cancelled = until_answered(|| user.post(&format!("{path}/cancel"))).await.expect(200);
        assert_eq!(cancelled["state"], "closed");
        return note(&path, Kind::Order(&["closed"]));
    }
    pay(shop, &user, &path).await;
    note(&path, Kind::Order(&PAID));
    if round % 3 == 1 {
        let key = new_key();
        let ask = json!({ "amount_fen": 100, "reason": "少了一包" });
        let refund = until_answered(|| user.post(&format!("{path}/refunds")).key(&key).json(&ask)).await.expect(201);
        note(&path, Kind::Refund(refund["id"].as_str().unwrap().to_owned()));
    }
}

/// Pay in the cashier, and wait until the shop says that it knows.
async fn pay(shop: &Deployment, user: &Client, path: &str) {
    let params = until_answered(|| user.post(&format!("{path}/payment"))).await.expect(200);
    let handle = params["package"].as_str().and_then(|text| text.strip_prefix("prepay_id=")).unwrap();
    let truth = shop.simulator.ledger();
    let payment = truth.payments.iter().find(|payment| payment.prepay_ids.iter().any(|prepay| prepay.id == handle));
    shop.simulator.pay(&payment.unwrap().out_trade_no).unwrap();
    let began = Instant::now();
    loop {
        let order = until_answered(|| user.get(path)).await.expect(200);
        if order["state"] == "paid" {
            return;
        }
        assert!(order["state"] == "pending" && began.elapsed() < PATIENCE, "{order}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the shop does not show any more of what it has acknowledged.
async fn forgotten(shop: &Deployment, ledger: &[Fact]) -> Vec<String> {
    let (mut seen, mut forgotten) = (BTreeMap::<_, Value>::new(), Vec::new());
    for fact in ledger {
        let key = (&fact.token, &fact.path);
        let body = match seen.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let answer = shop.nobody().with_token(&fact.token).get(&fact.path).send().await;
                entry.insert(serde_json::from_str(&answer.text).unwrap_or_default())
            }
        };
        let has = |list: &Value, id: &str| list.as_array().is_some_and(|rows| rows.iter().any(|row| row["id"] == *id));
        let holds = match &fact.kind {
            Kind::Address(id, there) => body.is_array() && has(body, id) == *there,
            Kind::Order(states) => body["state"].as_str().is_some_and(|state| states.contains(&state)),
            Kind::Refund(id) => has(&body["refunds"], id),
        };
        if !holds {
            forgotten.push(format!("{:?} of {}: {body}", fact.kind, fact.path));
        }
    }
    forgotten
}
