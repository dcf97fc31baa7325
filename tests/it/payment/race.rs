//! Whoever is first, an order ends in one legal way: paid with its money at WeChat, or closed with none. Shown in many
//! rounds of requests, jobs and callbacks that start at the same time with random head starts; the first rounds have fixed
//! winners, so that both ends are seen.

use crate::support::{app::TestApp, client::User, full, shop::Goods};
use serde_json::Value;
use std::time::Duration;
use weizhan::{
    app::random_number,
    compute::worker::run_due,
    model::time::minutes,
    simulator::{Payment, TradeState},
};

/// Step back behind whoever else is ready, this many times.
async fn yielding(times: u64) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// Head starts of a round: the first rounds let either side win, the others leave it to chance.
fn head_starts(round: usize) -> (u64, u64) {
    match round {
        0 => (0, 4_000),
        1 => (4_000, 0),
        _ => (random_number(400), random_number(400)),
    }
}

fn rounds() -> usize {
    if full() { 2_000 } else { 50 }
}

fn truth(app: &TestApp, number: &str) -> Payment {
    let payments = app.simulator.ledger().payments;
    payments.into_iter().find(|payment| payment.out_trade_no == number).expect("a payment at WeChat")
}

/// One legal end: here and at WeChat the same. Whether it was paid.
async fn judge(app: &TestApp, ann: &User, order: &Value, number: &str, round: usize) -> bool {
    let (seen, truth) = (ann.see(order).await, truth(app, number));
    match (seen["state"].as_str().unwrap(), truth.state) {
        ("paid", TradeState::Success) => true,
        ("closed", TradeState::Closed) => false,
        (here, there) => panic!("round {round}: {here} here, {there:?} at WeChat"),
    }
}

async fn begun(app: &TestApp, ann: &User, address: &str, goods: &Goods) -> (Value, String) {
    let order = ann.order_to(address, goods, 1).await.expect(201);
    let number = app.begin_payment(ann, &order).await;
    (order, number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_against_paying_has_one_end() {
    let app = TestApp::crowded().await;
    let (goods, ann) = (app.goods(100, 5_000).await, app.buyer("ann").await);
    let (address, mut paid, rounds) = (ann.address().await, 0, rounds());
    for round in 0..rounds {
        let (order, number) = begun(&app, &ann, &address, &goods).await;
        let (cancel_after, pay_after) = head_starts(round);
        let cancel = async {
            yielding(cancel_after).await;
            if round == 1 {
                // The money is there before anybody cancels.
                while truth(&app, &number).state != TradeState::Success {
                    tokio::task::yield_now().await;
                }
            }
            ann.cancel(&order).await
        };
        let pay = async {
            yielding(pay_after).await;
            if round == 0 {
                while truth(&app, &number).state != TradeState::Closed {
                    tokio::task::yield_now().await;
                }
            }
            if app.simulator.pay(&number).is_ok() && random_number(2) == 0 {
                app.deliver().await;
            }
        };
        let (cancelled, ()) = tokio::join!(cancel, pay);
        app.deliver().await;
        let was_paid = judge(&app, &ann, &order, &number, round).await;
        assert_eq!(cancelled.status.as_u16(), if was_paid { 409 } else { 200 }, "{}", cancelled.text);
        paid += i64::from(was_paid);
    }
    assert!(
        paid > 0 && paid < i64::try_from(rounds).unwrap(),
        "{paid} of {rounds} were paid: both ends were to be seen"
    );
    assert_eq!(app.left(&goods).await, 5_000 - paid);
    assert_eq!(app.number("SELECT COUNT(*) FROM payments").await, paid);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expiring_against_paying_has_one_end() {
    let app = TestApp::crowded().await;
    let (goods, ann) = (app.goods(100, 5_000).await, app.buyer("ann").await);
    let (address, mut paid, rounds) = (ann.address().await, 0, rounds().div_ceil(4));
    for round in 0..rounds {
        let ann = app.buyer("ann").await;
        // Four orders at a time: they expire in one go, and two of them were paid in the last second.
        let mut orders = Vec::new();
        for _ in 0..4 {
            orders.push(begun(&app, &ann, &address, &goods).await);
        }
        app.simulator.faults().change(|faults| faults.delay_ms = 1_000);
        app.advance(Duration::from_secs(30 * 60 - 1));
        for (_, number) in &orders[..2] {
            app.simulator.pay(number).unwrap();
        }
        app.advance(Duration::from_secs(1));
        let (job_after, notice_after) = head_starts(round);
        let (first, second, ..) = tokio::join!(
            async {
                yielding(job_after).await;
                run_due(&app.app).await
            },
            async {
                yielding(random_number(400)).await;
                run_due(&app.app).await
            },
            async {
                yielding(notice_after).await;
                app.deliver().await;
            },
            async {
                yielding(random_number(400)).await;
                ann.ask_payment(&orders[0].0).await.expect(200)
            },
            async {
                yielding(random_number(400)).await;
                ann.cancel(&orders[2].0).await.expect(200)
            }
        );
        assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
        app.deliver().await;
        for (place, (order, number)) in orders.iter().enumerate() {
            assert_eq!(judge(&app, &ann, order, number, round).await, place < 2, "round {round}, order {place}");
        }
        paid += 2;
    }
    assert_eq!(app.left(&goods).await, 5_000 - paid);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}
