//! Claimed: whatever happens to an order at the same time, it ends in one legal way, and the money here is the money at
//! WeChat.
//!
//! Shown: races of paying × cancelling × the end of the time × asking × refunds that buyer and staff want × callbacks of
//! payments and refunds. Each order meets a random part of these with random head starts, in its last second; workers and
//! callbacks run at the same time. When all is quiet, each order is judged against WeChat's books.

use crate::support::{
    app::{Setup, TestApp},
    client::User,
    full,
    seed::Seed,
    shop::{Goods, id},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use weizhan::{
    compute::worker::run_due,
    simulator::{Payment, Refund, RefundStatus, TradeState},
};

/// Orders of one round.
const BATCH: usize = 10;
/// What one order costs.
const TOTAL_FEN: i64 = 100;

/// What can happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Pay,
    PayAndTell,
    Cancel,
    Ask,
    BeginAgain,
    BuyerRefund,
    StaffRefund,
}

const ACTS: [Act; 7] =
    [Act::Pay, Act::PayAndTell, Act::Cancel, Act::Ask, Act::BeginAgain, Act::BuyerRefund, Act::StaffRefund];

/// One order and what is about to happen to it.
#[derive(Debug)]
struct Race {
    order: Value,
    /// Its number at WeChat; none when nobody began to pay.
    number: Option<String>,
    /// With head starts.
    acts: Vec<(Act, usize)>,
}

struct Shop<'a> {
    app: &'a TestApp,
    ann: User,
    owner: &'a User,
    seed: &'a Seed,
}

/// Step back behind whoever else is ready, this many times.
async fn yielding(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_races_an_order_has_one_legal_end() {
    let seed = Seed::of_run();
    let (shops, rounds) = if full() { (10, 100) } else { (1, 5) };
    let mut ends = BTreeMap::new();
    for _ in 0..shops {
        // Everybody waits for the database, and staff stay signed in while the clock moves on.
        let overrides =
            vec![("database.acquire_timeout_ms", "60000".to_owned()), ("auth.staff_minutes", "100000".to_owned())];
        let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
        let (goods, owner) = (app.goods(TOTAL_FEN, 100_000).await, app.owner().await);
        let mut kept = 0;
        for round in 0..rounds {
            let shop = Shop { app: &app, ann: app.buyer(&format!("ann{round}")).await, owner: &owner, seed: &seed };
            let races = shop.prepare(&goods).await;
            Box::pin(shop.run(&races)).await;
            shop.come_to_rest(&races).await;
            for (race, end) in races.iter().zip(shop.judge(&races, round).await) {
                kept += i64::from(end != "closed");
                *ends.entry(end).or_insert(0) += 1;
                assert!(race.acts.len() > 1, "one act is no race");
            }
        }
        assert_eq!(app.left(&goods).await, 100_000 - kept);
        app.end().await;
    }
    println!("{} races: {ends:?}", shops * rounds * BATCH);
    assert!(ends.len() >= 3, "all ends were to be seen: {ends:?}");
}

impl Shop<'_> {
    /// A batch of orders in their last second: most begun, some paid before.
    async fn prepare(&self, goods: &Goods) -> Vec<Race> {
        let address = self.ann.address().await;
        let orders = join_all((0..BATCH).map(|_| self.ann.order_to(&address, goods, 1))).await;
        let mut races = Vec::new();
        for order in orders {
            let order = order.expect(201);
            let begun = !self.seed.one_in(10);
            let number = if begun { Some(self.app.begin_payment(&self.ann, &order).await) } else { None };
            let mut acts = ACTS.map(|act| (act, self.seed.below(400))).to_vec();
            self.seed.shuffle(&mut acts);
            acts.truncate(2 + self.seed.below(ACTS.len() - 2));
            races.push(Race { order, number, acts });
        }
        for race in races.iter().filter(|_| self.seed.one_in(2)) {
            if let Some(number) = &race.number {
                self.app.simulator.pay(number).expect("nobody races yet");
            }
        }
        self.app.deliver().await;
        self.app.advance(Duration::from_secs(30 * 60 - 1));
        races
    }

    /// Everything at once, and the last second ends meanwhile.
    async fn run(&self, races: &[Race]) {
        let starts: [usize; 5] = std::array::from_fn(|_| self.seed.below(800));
        let worker = async |start: usize| {
            yielding(start).await;
            run_due(&self.app.app).await.expect("jobs");
        };
        let teller = async |start: usize| {
            yielding(start).await;
            self.app.deliver().await;
        };
        let clock = async {
            yielding(starts[0]).await;
            self.app.advance(Duration::from_secs(1));
            run_due(&self.app.app).await.expect("jobs");
        };
        let acts = races.iter().flat_map(|race| race.acts.iter().map(|(act, start)| self.act(race, *act, *start)));
        tokio::join!(join_all(acts), clock, worker(starts[1]), worker(starts[2]), teller(starts[3]), teller(starts[4]));
    }

    async fn act(&self, race: &Race, act: Act, start: usize) {
        yielding(start).await;
        let amount = if self.seed.one_in(2) { TOTAL_FEN } else { i64::try_from(1 + self.seed.below(60)).unwrap() };
        let ask = json!({ "amount_fen": amount, "reason": "少了" });
        let order = id(&race.order);
        let answer = match act {
            Act::Pay | Act::PayAndTell => {
                // WeChat may say that it is too late, or paid before.
                let paid = race.number.as_ref().is_some_and(|number| self.app.simulator.pay(number).is_ok());
                if paid && act == Act::PayAndTell {
                    self.app.deliver().await;
                }
                return;
            }
            Act::Cancel => self.ann.cancel(&race.order).await,
            Act::Ask => self.ann.ask_payment(&race.order).await,
            Act::BeginAgain => self.ann.try_payment(&race.order).await,
            Act::BuyerRefund => self.ann.post(&format!("/v1/orders/{order}/refunds")).new_key().json(&ask).send().await,
            Act::StaffRefund => {
                self.owner.post(&format!("/admin/v1/orders/{order}/refunds")).new_key().json(&ask).send().await
            }
        };
        assert!([200, 201, 409].contains(&answer.status.as_u16()), "{act:?}: {} {}", answer.status, answer.text);
    }

    /// Staff decide on what was asked for; then time passes until WeChat has ended all.
    async fn come_to_rest(&self, races: &[Race]) {
        self.app.deliver().await;
        for race in races {
            let seen = self.ann.see(&race.order).await;
            for refund in seen["refunds"].as_array().unwrap().iter().filter(|refund| refund["state"] == "requested") {
                let word = if self.seed.one_in(3) { "reject" } else { "approve" };
                let path = format!("/admin/v1/refunds/{}/{word}", id(refund));
                self.owner.post(&path).send().await.expect(200);
            }
        }
        // At most two refunds of an order, a minute apart, and the time that WeChat takes for them.
        for _ in 0..5 {
            self.app.run_jobs().await;
            self.app.advance(Duration::from_secs(61));
            self.app.deliver().await;
        }
        self.app.run_jobs().await;
    }

    /// How each order ended.
    async fn judge(&self, races: &[Race], round: usize) -> Vec<String> {
        let truth = self.app.simulator.ledger();
        let mut ends = Vec::new();
        for race in races {
            let seen = self.ann.see(&race.order).await;
            let of_this = |number: &String| Some(number) == race.number.as_ref();
            let payment = truth.payments.iter().find(|payment| of_this(&payment.out_trade_no));
            let back = truth.refunds.iter().filter(|refund| of_this(&refund.out_trade_no));
            if let Some(wrong) = wrong(&seen, payment, &back.collect::<Vec<_>>()) {
                panic!("round {round}: {wrong}\n{race:?}\n{seen}\n{payment:?}");
            }
            ends.push(seen["state"].as_str().unwrap().to_owned());
        }
        ends
    }
}

/// What is not legal, if anything.
fn wrong(seen: &Value, payment: Option<&Payment>, back: &[&Refund]) -> Option<String> {
    let at_wechat = payment.map(|payment| payment.state);
    let given_back: i64 = back.iter().map(|refund| refund.refund_fen.0).sum();
    let kept = TOTAL_FEN - given_back;
    let legal = match (seen["state"].as_str().unwrap(), at_wechat) {
        ("closed", None | Some(TradeState::Closed)) => back.is_empty(),
        // Money that came for a closed order is given back whole.
        ("closed", Some(TradeState::Refund)) => kept == 0,
        ("paid", Some(TradeState::Success)) => back.is_empty() && seen["refunded_fen"] == 0,
        ("paid", Some(TradeState::Refund)) => kept > 0 && seen["refunded_fen"] == given_back,
        ("refunded", Some(TradeState::Refund)) => kept == 0 && seen["refunded_fen"] == given_back,
        _ => false,
    };
    if !legal {
        return Some(format!("{} here, {at_wechat:?} and {given_back} given back there", seen["state"]));
    }
    let refunds = seen["refunds"].as_array().unwrap();
    let open = refunds.iter().find(|refund| !["succeeded", "rejected"].contains(&refund["state"].as_str().unwrap()));
    let unended = back.iter().find(|refund| refund.status != RefundStatus::Success);
    let succeeded = refunds.iter().filter(|refund| refund["state"] == "succeeded").count();
    match (open, unended) {
        (Some(open), _) => Some(format!("a refund did not end: {open}")),
        (_, Some(unended)) => Some(format!("a refund did not end at WeChat: {unended:?}")),
        _ if succeeded != back.len() => Some(format!("{succeeded} refunds here, {} there", back.len())),
        _ => None,
    }
}
