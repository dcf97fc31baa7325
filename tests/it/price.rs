//! Staff change the price of an order that is not paid. What could be paid at the old price is closed at WeChat first; a
//! buyer who pays meanwhile wins; and the price is what goods, delivery and the adjustment make.

use crate::support::{
    app::TestApp,
    client::{Answer, User},
    full,
    shop::{failing, id},
};
use serde_json::{Value, json};
use weizhan::{app::random_number, model::time::minutes, simulator::TradeState};

const CLOSE: &str = "/v3/pay/transactions/out-trade-no/";

async fn price(owner: &User, order: &Value, version: i64, total_fen: i64) -> Answer {
    let body = json!({ "version": version, "total_fen": total_fen, "reason": "老客户" });
    owner.put(&format!("/admin/v1/orders/{}/price", id(order))).json(&body).send().await
}

fn at_wechat(app: &TestApp, number: &str) -> weizhan::simulator::Payment {
    let payments = app.simulator.ledger().payments;
    payments.into_iter().find(|payment| payment.out_trade_no == number).expect("a payment at WeChat")
}

/// Step back behind whoever else is ready, this many times.
async fn yielding(times: u64) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_changed_price_is_what_the_buyer_pays() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let order = ann.order(&goods, 2).await.expect(201);
    let old = app.begin_payment(&ann, &order).await;
    let changed = price(&owner, &order, 1, 1_500).await.expect(200);
    assert_eq!((&changed["goods_fen"], &changed["adjustment_fen"]), (&json!(2_000), &json!(-500)));
    assert_eq!((&changed["total_fen"], &changed["version"]), (&json!(1_500), &json!(2)));
    let last = changed["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["step"], &last["from_state"], &last["to_state"]),
        (&json!("reprice"), &json!("pending"), &json!("pending"))
    );
    assert_eq!(at_wechat(&app, &old).state, TradeState::Closed);
    assert!(app.simulator.pay(&old).is_err(), "the old price cannot be paid any more");
    let new = app.begin_payment(&ann, &order).await;
    assert_ne!(new, old);
    assert_eq!(at_wechat(&app, &new).total_fen.0, 1_500);
    // Once more, upwards; then it is paid.
    assert_eq!(price(&owner, &order, 2, 2_100).await.expect(200)["adjustment_fen"], 100);
    app.pay(&ann, &order).await;
    let seen = ann.see(&order).await;
    assert_eq!((&seen["state"], &seen["payments"][0]["total_fen"]), (&json!("paid"), &json!(2_100)));
    assert_eq!(price(&owner, &order, 4, 1).await.expect_problem(409, "order.state_forbids")["state"], "paid");
    // All of what was paid can go back, and not what was listed.
    let body = json!({ "amount_fen": 2_100, "reason": "不要了" });
    owner.post(&format!("/admin/v1/orders/{}/refunds", id(&order))).new_key().json(&body).send().await.expect(201);
    for _ in 0..3 {
        app.run_jobs().await;
        app.advance(minutes(1));
    }
    assert_eq!(ann.see(&order).await["state"], "refunded");
    assert_eq!(app.number("SELECT COUNT(*) FROM audit WHERE action = 'order.reprice'").await, 2);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn a_price_is_refused_out_of_bounds_out_of_date_and_out_of_time() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    for total in [0, -1, 100_000_001, i64::MAX] {
        price(&owner, &order, 1, total).await.expect_problem(422, "http.invalid");
    }
    price(&owner, &order, 2, 1).await.expect_problem(409, "order.changed");
    price(&owner, &json!({ "id": "404" }), 1, 1).await.expect_problem(404, "order.not_found");
    assert_eq!(at_wechat(&app, &number).state, TradeState::NotPay, "nothing is closed for a change that is refused");
    // While WeChat is away nothing can be closed, so nothing is changed.
    failing(&app, "POST", CLOSE, 1, 500, "SYSTEM_ERROR");
    price(&owner, &order, 1, 1).await.expect_problem(503, "wechat.busy");
    assert_eq!(ann.see(&order).await["total_fen"], 1_000);
    assert_eq!(price(&owner, &order, 1, 1).await.expect(200)["total_fen"], 1);
    app.advance(minutes(30));
    let owner = app.owner().await;
    price(&owner, &order, 2, 2).await.expect_problem(409, "order.expired");
    app.run_jobs().await;
    assert_eq!(price(&owner, &order, 3, 2).await.expect_problem(409, "order.state_forbids")["state"], "closed");
    app.end().await;
}

#[tokio::test]
async fn who_paid_before_the_price_changed_has_paid_the_order() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    app.simulator.faults().change(|faults| faults.drop = true);
    for between in [false, true] {
        let order = ann.order(&goods, 1).await.expect(201);
        let number = app.begin_payment(&ann, &order).await;
        app.simulator.pay(&number).unwrap();
        if between {
            // The question is answered as if it had come a moment earlier; the order to close finds the money.
            failing(&app, "GET", CLOSE, 1, 404, "ORDER_NOT_EXIST");
        }
        assert_eq!(price(&owner, &order, 1, 1).await.expect_problem(409, "order.state_forbids")["state"], "paid");
        let seen = ann.see(&order).await;
        assert_eq!(
            (&seen["state"], &seen["total_fen"], &seen["adjustment_fen"]),
            (&json!("paid"), &json!(1_000), &json!(0))
        );
    }
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn money_at_the_old_price_is_put_to_no_order() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    // WeChat says "closed" and lets the buyer pay all the same.
    failing(&app, "POST", CLOSE, 1, 400, "ORDER_CLOSED");
    price(&owner, &order, 1, 700).await.expect(200);
    app.simulator.pay(&number).unwrap();
    app.deliver().await;
    assert_eq!(app.rows().texts("SELECT reason FROM suspense").await, ["amount_differs"]);
    assert_eq!(ann.see(&order).await["state"], "pending");
    app.pay(&ann, &order).await;
    assert_eq!(ann.see(&order).await["state"], "paid");
    // Staff send the old money back; the order keeps its own.
    let waiting = owner.get("/admin/v1/suspense").send().await.expect(200)["items"][0].clone();
    let path = format!("/admin/v1/suspense/{}/refund", waiting["transaction_id"].as_str().unwrap());
    owner.post(&path).send().await.expect(200);
    for _ in 0..3 {
        app.run_jobs().await;
        app.advance(minutes(1));
    }
    let seen = ann.see(&order).await;
    assert_eq!(
        (&seen["state"], &seen["refunded_fen"], &seen["refunds"][0]["amount_fen"]),
        (&json!("paid"), &json!(0), &json!(1_000))
    );
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pricing_against_paying_has_one_end() {
    let app = TestApp::crowded().await;
    let (goods, ann, owner) = (app.goods(1_000, 5_000).await, app.buyer("ann").await, app.owner().await);
    let (address, rounds) = (ann.address().await, if full() { 1_000 } else { 30 });
    let mut ends = [0, 0];
    for round in 0..rounds {
        let order = ann.order_to(&address, &goods, 1).await.expect(201);
        let number = app.begin_payment(&ann, &order).await;
        // The first two rounds have fixed winners.
        let until = async |state: TradeState| {
            for _ in 0..2_000_000 {
                if at_wechat(&app, &number).state == state {
                    return;
                }
                tokio::task::yield_now().await;
            }
            panic!("WeChat never says {state:?}");
        };
        let change = async {
            match round {
                1 => until(TradeState::Success).await,
                _ => yielding(random_number(400)).await,
            }
            price(&owner, &order, 1, 900).await
        };
        let pay = async {
            match round {
                0 => until(TradeState::Closed).await,
                1 => {}
                _ => yielding(random_number(4_000)).await,
            }
            if app.simulator.pay(&number).is_ok() && random_number(2) == 0 {
                app.deliver().await;
            }
            // A buyer who is told "closed" begins anew.
            ann.try_payment(&order).await
        };
        let (changed, begun) = tokio::join!(change, pay);
        app.deliver().await;
        let (seen, truth) = (ann.see(&order).await, at_wechat(&app, &number).state);
        match truth {
            TradeState::Success => {
                assert_eq!(
                    (seen["state"].clone(), seen["total_fen"].clone()),
                    (json!("paid"), json!(1_000)),
                    "{round}"
                );
                assert_eq!(changed.status.as_u16(), 409, "{}", changed.text);
                ends[0] += 1;
            }
            TradeState::Closed => {
                assert_eq!(
                    (seen["state"].clone(), seen["total_fen"].clone()),
                    (json!("pending"), json!(900)),
                    "{round}"
                );
                assert_eq!(changed.status.as_u16(), 200, "{}", changed.text);
                assert!(matches!(begun.status.as_u16(), 200 | 409 | 503), "{}", begun.text);
                app.pay(&ann, &order).await;
                assert_eq!(ann.see(&order).await["payments"][0]["total_fen"], 900);
                ends[1] += 1;
            }
            other => panic!("round {round}: {other:?}"),
        }
    }
    assert!(ends.iter().all(|end| *end > 0), "both ends were to be seen: {ends:?}");
    assert_eq!(app.number("SELECT COUNT(*) FROM suspense").await, 0);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}
