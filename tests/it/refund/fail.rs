//! Refunds that do not go well: what must go back is tried again under a new number by itself, what staff decided only by
//! staff; what could not be handed over is watched; what WeChat refuses says why, and does not knock too often.

use crate::support::{
    app::TestApp,
    client::{Answer, User},
    shop::{failing, id},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use weizhan::{
    model::time::{days, minutes},
    simulator::RefundStatus,
};

const REFUNDS: &str = "/v3/refund/domestic/refunds";
const CLOSE: &str = "/v3/pay/transactions/out-trade-no/";

async fn start(owner: &User, order: &Value, amount_fen: i64) -> Value {
    let body = json!({ "amount_fen": amount_fen, "reason": "少了" });
    owner.post(&format!("/admin/v1/orders/{}/refunds", id(order))).new_key().json(&body).send().await.expect(201)
}

async fn retry(owner: &User, refund: &Value) -> Answer {
    owner.post(&format!("/admin/v1/refunds/{}/retry", id(refund))).send().await
}

/// All refunds as staff see them, the oldest first. Tests move the clock by days: whoever looks signs in anew.
async fn listed(app: &TestApp) -> Vec<Value> {
    let owner = app.owner().await;
    let page = owner.get("/admin/v1/refunds?limit=100").send().await.expect(200);
    let mut rows = page["items"].as_array().unwrap().clone();
    rows.reverse();
    rows
}

fn ending(app: &TestApp, status: RefundStatus) {
    app.simulator.faults().change(|faults| faults.refund_result = Some(status));
}

/// Run what is due at each of these steps.
async fn run_for(app: &TestApp, steps: usize, step: Duration) {
    for _ in 0..steps {
        app.run_jobs().await;
        app.advance(step);
    }
    app.run_jobs().await;
}

#[tokio::test]
async fn money_that_must_go_back_is_sent_again_when_wechat_closes_its_refund() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    failing(&app, "POST", CLOSE, 1, 400, "ORDER_CLOSED");
    ann.cancel(&order).await.expect(200);
    let transaction = app.simulator.pay(&number).unwrap().transaction_id.unwrap();
    app.deliver().await;
    ending(&app, RefundStatus::Closed);
    // Told by the poll the first time and by a notice, twice, the second time: the successor is one either way.
    app.run_jobs().await;
    app.advance(minutes(1));
    app.run_jobs().await;
    let rows = listed(&app).await;
    let states = |rows: &[Value]| rows.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(states(&rows), ["closed", "approved"]);
    assert_eq!(rows[1]["out_refund_no"], format!("R{transaction}-2"));
    assert_eq!((&rows[1]["retry_of"], &rows[1]["cause"]), (&rows[0]["id"], &json!("late_payment")));
    app.advance(minutes(9));
    app.run_jobs().await;
    assert_eq!(app.simulator.ledger().refunds.len(), 1, "not before its time");
    app.advance(minutes(1));
    app.run_jobs().await;
    app.advance(Duration::from_secs(11));
    app.simulator.faults().change(|faults| faults.duplicate = 2);
    app.deliver().await;
    app.deliver().await;
    run_for(&app, 3, minutes(1)).await;
    assert_eq!(states(&listed(&app).await), ["closed", "closed", "approved"]);
    assert_eq!(app.broken().await, [], "one refund of it is not closed");
    retry(&owner, &rows[0]).await.expect_problem(409, "refund.retried");
    app.simulator.faults().clear();
    run_for(&app, 8, minutes(10)).await;
    let rows = listed(&app).await;
    assert_eq!(states(&rows), ["closed", "closed", "succeeded"]);
    assert_eq!(rows[2]["out_refund_no"], format!("R{transaction}-3"));
    assert_eq!(ann.see(&order).await["state"], "closed");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_try_a_closed_refund_again_once_and_under_a_new_number() {
    let app = TestApp::crowded().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    let first = start(&owner, &order, 600).await;
    assert_eq!(retry(&owner, &first).await.expect_problem(409, "refund.state_forbids")["state"], "approved");
    ending(&app, RefundStatus::Closed);
    app.run_jobs().await;
    assert_eq!(retry(&owner, &first).await.expect_problem(409, "refund.state_forbids")["state"], "processing");
    app.advance(minutes(1));
    app.run_jobs().await;
    app.simulator.faults().clear();
    // Its amount is free: while something else holds it there is nothing to try again with.
    let other = start(&owner, &order, 500).await;
    retry(&owner, &first).await.expect_problem(409, "refund.too_much");
    app.advance(minutes(1));
    run_for(&app, 2, minutes(1)).await;
    let other = listed(&app).await.into_iter().find(|row| row["id"] == other["id"]).unwrap();
    assert_eq!(other["state"], "succeeded");
    let small = start(&owner, &order, 200).await;
    ending(&app, RefundStatus::Closed);
    run_for(&app, 2, minutes(1)).await;
    app.simulator.faults().clear();
    let answers = join_all((0..8).map(|_| retry(&owner, &small))).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((made.len(), refused.len()), (1, 7));
    for answer in refused {
        answer.expect_problem(409, "refund.retried");
    }
    let second = made[0].body();
    assert_ne!(second["out_refund_no"], small["out_refund_no"]);
    assert_eq!((&second["retry_of"], &second["amount_fen"]), (&small["id"], &json!(200)));
    run_for(&app, 4, minutes(1)).await;
    assert_eq!(ann.see(&order).await["refunded_fen"], 700);
    retry(&owner, &json!({ "id": "404" })).await.expect_problem(404, "refund.not_found");
    assert_eq!(app.number("SELECT COUNT(*) FROM audit WHERE action = 'refund.retry'").await, 1);
    app.end().await;
}

#[tokio::test]
async fn what_could_not_be_handed_over_is_watched_until_the_console_ends_it() {
    for paid_out in [true, false] {
        let app = TestApp::new().await;
        let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
        let (order, _) = app.paid_order(&ann, &goods, 1).await;
        start(&owner, &order, 900).await;
        // No notice comes, neither of the trouble nor of its end.
        app.simulator.faults().change(|faults| faults.drop = true);
        ending(&app, RefundStatus::Abnormal);
        run_for(&app, 2, minutes(1)).await;
        let page = owner.get("/admin/v1/refunds?state=abnormal").send().await.expect(200);
        let number = page["items"][0]["out_refund_no"].as_str().unwrap().to_owned();
        run_for(&app, 3, minutes(4 * 60)).await;
        assert_eq!(listed(&app).await[0]["state"], "abnormal");
        app.simulator.mend_refund(&number, paid_out).unwrap();
        app.advance(minutes(4 * 60));
        app.run_jobs().await;
        let (state, back) = if paid_out { ("succeeded", 900) } else { ("closed", 0) };
        assert_eq!(listed(&app).await[0]["state"], state);
        let ann = app.buyer("ann").await;
        assert_eq!(ann.see(&order).await["refunded_fen"], back);
        assert_eq!(app.number("SELECT refund_held_fen FROM orders").await, back);
        app.end().await;
    }
}

#[tokio::test]
async fn trouble_that_a_notice_told_before_the_reply_is_watched_too() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    start(&owner, &order, 900).await;
    let lost = weizhan::simulator::Loss { path: REFUNDS.to_owned(), method: Some("POST".to_owned()), count: 1 };
    app.simulator.faults().change(|faults| faults.reply_lost.push(lost));
    ending(&app, RefundStatus::Abnormal);
    app.run_jobs().await;
    app.advance(Duration::from_secs(11));
    app.deliver().await;
    app.run_jobs().await;
    let row = listed(&app).await.remove(0);
    assert_eq!(row["state"], "abnormal");
    app.simulator.faults().change(|faults| faults.drop = true);
    app.simulator.mend_refund(row["out_refund_no"].as_str().unwrap(), true).unwrap();
    app.advance(minutes(4 * 60));
    app.run_jobs().await;
    assert_eq!(ann.see(&order).await["refunded_fen"], 900);
    app.end().await;
}

#[tokio::test]
async fn a_balance_that_is_too_small_is_shown_and_waited_for() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    start(&owner, &order, 900).await;
    app.simulator.faults().change(|faults| faults.not_enough = true);
    let begun = app.app.now();
    app.run_jobs().await;
    let row = listed(&app).await.remove(0);
    assert!(row["last_error"].as_str().unwrap().starts_with("NOT_ENOUGH"), "{row}");
    assert!(ann.see(&order).await["refunds"][0].get("last_error").is_none(), "the buyer is not told of our balance");
    // A week: far longer than a failing job lives.
    run_for(&app, 7 * 24, minutes(60)).await;
    let row = listed(&app).await.remove(0);
    assert_eq!((&row["state"], &row["sent_ms"]), (&json!("approved"), &json!(begun)), "the first time stays");
    assert!(row["last_sent_ms"].as_i64() > row["sent_ms"].as_i64());
    let number = row["out_refund_no"].clone();
    app.simulator.faults().clear();
    run_for(&app, 3, minutes(60)).await;
    let row = listed(&app).await.remove(0);
    assert_eq!(
        (&row["state"], &row["out_refund_no"], &row["last_error"]),
        (&json!("succeeded"), &number, &Value::Null)
    );
    app.end().await;
}

#[tokio::test]
async fn a_refund_that_is_refused_otherwise_says_why() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    start(&owner, &order, 900).await;
    failing(&app, "POST", REFUNDS, 1, 403, "USER_ACCOUNT_ABNORMAL");
    app.run_jobs().await;
    let row = listed(&app).await.remove(0);
    assert!(row["last_error"].as_str().unwrap().starts_with("USER_ACCOUNT_ABNORMAL"), "{row}");
    run_for(&app, 3, minutes(1)).await;
    assert_eq!(listed(&app).await[0]["last_error"], Value::Null, "until it went");
    app.end().await;
}

#[tokio::test]
async fn what_wechat_calls_too_frequent_is_asked_after_before_it_is_sent_again() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    start(&owner, &order, 900).await;
    failing(&app, "POST", REFUNDS, 1, 429, "FREQUENCY_LIMITED");
    app.run_jobs().await;
    assert_eq!(app.simulator.ledger().refunds.len(), 0);
    // The question is not answered: nothing is sent blindly.
    failing(&app, "GET", REFUNDS, 1, 500, "SYSTEM_ERROR");
    app.advance(minutes(1));
    app.run_jobs().await;
    assert_eq!(app.simulator.ledger().refunds.len(), 0);
    run_for(&app, 3, minutes(1)).await;
    assert_eq!(listed(&app).await[0]["state"], "succeeded");
    assert_eq!(app.simulator.ledger().refunds.len(), 1);
    app.end().await;
}

#[tokio::test]
async fn after_one_refusal_two_refunds_a_second_are_tried() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 50).await, app.buyer("ann").await, app.owner().await);
    for _ in 0..10 {
        let (order, _) = app.paid_order(&ann, &goods, 1).await;
        start(&owner, &order, 100).await;
    }
    app.simulator.faults().change(|faults| faults.not_enough = true);
    let sent = async || app.number("SELECT COUNT(*) FROM refunds WHERE last_error LIKE 'NOT_ENOUGH%'").await;
    for expected in [2, 4, 6] {
        app.run_jobs().await;
        assert_eq!(sent().await, expected);
        app.advance(Duration::from_millis(999));
        app.run_jobs().await;
        assert_eq!(sent().await, expected, "the second is not over");
        app.advance(Duration::from_millis(1));
    }
    // Those that go well hold nobody up.
    app.simulator.faults().clear();
    app.advance(minutes(2));
    app.run_jobs().await;
    let numbers: BTreeSet<_> = app.simulator.ledger().refunds.into_iter().map(|refund| refund.out_refund_no).collect();
    assert_eq!(numbers.len(), 10);
    run_for(&app, 2, minutes(1)).await;
    app.end().await;
}

#[tokio::test]
async fn a_payment_older_than_a_year_is_not_refunded_through_wechat() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    let body = json!({ "amount_fen": 100, "reason": "少了" });
    let asked = ann.post(&format!("/v1/orders/{}/refunds", id(&order))).new_key().json(&body).send().await.expect(201);
    // One that waits for the balance until the year is over.
    start(&owner, &order, 300).await;
    app.simulator.faults().change(|faults| faults.not_enough = true);
    app.run_jobs().await;
    app.spoil(&format!("UPDATE payments SET success_ms = success_ms - {}", days(365).as_millis())).await;
    app.simulator.faults().clear();
    app.advance(minutes(2));
    app.run_jobs().await;
    assert_eq!(app.simulator.ledger().refunds.len(), 0, "WeChat is not asked");
    let rows = listed(&app).await;
    assert_eq!((&rows[1]["state"], &rows[1]["last_error"]), (&json!("closed"), &json!("refund.too_old")));
    assert_eq!(app.number("SELECT refund_held_fen FROM orders").await, 100, "its amount is free");
    let path = format!("/admin/v1/orders/{}/refunds", id(&order));
    owner.post(&path).new_key().json(&body).send().await.expect_problem(409, "refund.too_old");
    retry(&owner, &rows[1]).await.expect_problem(409, "refund.too_old");
    let approve = format!("/admin/v1/refunds/{}/approve", id(&asked));
    owner.post(&approve).send().await.expect_problem(409, "refund.too_old");
    owner.post(&format!("/admin/v1/refunds/{}/reject", id(&asked))).send().await.expect(200);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}
