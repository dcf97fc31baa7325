//! Each day is compared with WeChat's bills. Shown on a day on which everything happens that may: payments, refunds of parts, late
//! and second money, and midnight; with a WeChat whose bills differ from the truth in one way at a time.

mod due;
mod found;
mod repair;

use crate::support::{
    app::{Setup, TestApp},
    client::User,
    shop::{Goods, failing, id},
};
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{
    model::{
        reconcile::{DifferenceState, Reconciliation},
        time::{Clock, Day, Timestamp, minutes},
    },
    service::{self, reconcile},
    simulator::BillTrick,
};

/// The day on which tests begin.
const DAY: Day = Day(20_261_123);
const PREPAY: &str = "/v3/pay/transactions/jsapi";
const CLOSE: &str = "/v3/pay/transactions/out-trade-no/";

/// A merchant whose money is booked when it is paid; whoever orders may take two days to pay.
async fn shop() -> TestApp {
    let overrides = vec![
        ("pay.settles_at_once", "true".to_owned()),
        ("order.unpaid_minutes", "2880".to_owned()),
        ("auth.access_minutes", "2880".to_owned()),
    ];
    TestApp::with(Setup { overrides, ..Setup::default() }).await
}

/// Let the clock come to a moment, with everything that is due then.
async fn until(app: &TestApp, moment: Timestamp) {
    settle(app).await;
    app.advance(moment.since(app.clock.now()));
    settle(app).await;
}

async fn settle(app: &TestApp) {
    for _ in 0..3 {
        app.run_jobs().await;
        app.deliver().await;
    }
}

/// Half past ten on the day after.
fn morning_after(day: Day) -> Timestamp {
    day.end().plus(minutes(10 * 60 + 30))
}

fn tricks(app: &TestApp, tricks: Vec<BillTrick>) {
    app.simulator.faults().change(|faults| faults.bill = tricks);
}

async fn run(app: &TestApp, day: Day) -> Reconciliation {
    reconcile::run(&app.app, day).await.expect("compared")
}

/// What is open of a day, as kinds with their subjects, in order.
async fn open(app: &TestApp, day: Day) -> Vec<(&'static str, String)> {
    let all = reconcile::list_of_day(&app.app, day).await.expect("differences");
    let open = all.into_iter().filter(|row| row.state == DifferenceState::Open);
    let mut open: Vec<_> = open.map(|row| (row.finding.kind.word(), row.finding.subject)).collect();
    open.sort();
    open
}

async fn start_refund(owner: &User, order: &Value, amount_fen: i64) {
    let body = json!({ "amount_fen": amount_fen, "reason": "少了" });
    owner.post(&format!("/admin/v1/orders/{}/refunds", id(order))).new_key().json(&body).send().await.expect(201);
}

/// Numbers of what happened on a day.
struct Busy {
    /// A payment: ours and WeChat's.
    payment: (String, String),
    /// A refund of a part of another one: ours and WeChat's.
    refund: (String, String),
    /// The payment of which it is a part.
    parted: String,
}

/// An order whose money comes when it is closed.
async fn late_money(app: &TestApp, ann: &User, goods: &Goods) -> String {
    let order = ann.order(goods, 1).await.expect(201);
    let number = app.begin_payment(ann, &order).await;
    failing(app, "POST", CLOSE, 1, 400, "ORDER_CLOSED");
    ann.cancel(&order).await.expect(200);
    app.simulator.pay(&number).expect("paid");
    number
}

/// Everything that may happen on a day, up to half past ten on the day after.
async fn busy_day(app: &TestApp) -> Busy {
    let (goods, ann, owner) = (app.goods(1_000, 100).await, app.buyer("ann").await, app.owner().await);
    let (_, plain) = app.paid_order(&ann, &goods, 1).await;
    let (parted, parted_number) = app.paid_order(&ann, &goods, 2).await;
    start_refund(&owner, &parted, 300).await;
    start_refund(&owner, &parted, 29).await;
    late_money(app, &ann, &goods).await;
    let twice = ann.order(&goods, 1).await.expect(201);
    let first = app.begin_payment(&ann, &twice).await;
    app.spoil(&format!("UPDATE prepays SET prepay_id = NULL WHERE out_trade_no = '{first}'")).await;
    failing(app, "POST", PREPAY, 1, 403, "OUT_TRADE_NO_USED");
    failing(app, "POST", CLOSE, 1, 400, "ORDER_CLOSED");
    let second = app.begin_payment(&ann, &twice).await;
    for number in [&first, &second] {
        app.simulator.pay(number).expect("paid");
    }
    let unpaid = ann.order(&goods, 1).await.expect(201);
    app.begin_payment(&ann, &unpaid).await;
    for _ in 0..4 {
        settle(app).await;
        app.advance(minutes(1));
    }
    until(app, DAY.end().minus(minutes(5))).await;
    let midnight = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &midnight).await;
    until(app, Timestamp(DAY.end().0 - 500)).await;
    app.simulator.pay(&number).expect("paid");
    app.advance(Duration::from_secs(1));
    until(app, morning_after(DAY)).await;
    let truth = app.simulator.ledger();
    let transaction = |number: &str| {
        let payment = truth.payments.iter().find(|payment| payment.out_trade_no == number).expect("a payment");
        payment.transaction_id.clone().expect("paid")
    };
    let refund = truth.refunds.iter().find(|refund| refund.refund_fen.0 == 300).expect("a refund");
    assert_eq!(truth.refunds.len(), 4, "two parts, late money, second money");
    Busy {
        payment: (plain.clone(), transaction(&plain)),
        refund: (refund.out_refund_no.clone(), refund.refund_id.clone()),
        parted: parted_number,
    }
}

/// Staff who have just signed in: what happened before may be days ago.
async fn owner(app: &TestApp) -> User {
    app.owner().await
}

async fn catch_up(app: &TestApp) {
    let mut lease = weizhan::compute::lease::Lease::new(&app.app, "schedule");
    weizhan::compute::schedule::turn(&app.app, &mut lease).await.expect("a turn");
    app.run_jobs().await;
}

/// Close what waits for two days, so that nothing is left due.
async fn end(app: TestApp) {
    tricks(&app, vec![]);
    assert_eq!(service::verify::COUNT, weizhan::data::verify::CHECKS.len() + 1);
    settle(&app).await;
    app.end().await;
}
