//! The sum of all refunds never exceeds what was paid, the same intention is one refund, and states forbid what they must.

use crate::support::{
    app::TestApp,
    client::{Answer, User, new_key},
    shop::id,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use weizhan::model::time::minutes;

async fn ask(who: &User, order: &Value, amount_fen: i64) -> Answer {
    let body = json!({ "amount_fen": amount_fen, "reason": "不要了" });
    let door = if who.signed_in["staff"].is_null() { "/v1" } else { "/admin/v1" };
    who.post(&format!("{door}/orders/{}/refunds", id(order))).new_key().json(&body).send().await
}

async fn decide(owner: &User, refund: &Value, word: &str) -> Answer {
    owner.post(&format!("/admin/v1/refunds/{}/{word}", id(refund))).send().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_requests_at_once_never_exceed_what_was_paid() {
    let app = TestApp::crowded().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    let asks = (0..20).map(|place| ask(if place % 2 == 0 { &ann } else { &owner }, &order, 150));
    let answers = join_all(asks).await;
    let (given, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((given.len(), refused.len()), (6, 14));
    for answer in refused {
        let problem = answer.expect_problem(409, "refund.too_much");
        assert_eq!(problem["errors"][0]["pointer"], "/amount_fen");
        assert!(problem["detail"].as_str().unwrap().contains("1.00"), "100 fen are left: {problem}");
    }
    // The rest to the last fen, and not one more.
    let rest = ask(&ann, &order, 100).await.expect(201);
    assert_eq!(ask(&owner, &order, 1).await.expect_problem(409, "refund.order_state_forbids")["state"], "paid");
    assert_eq!(app.number("SELECT refund_held_fen FROM orders").await, 1_000);
    // What staff turn down is free again.
    decide(&owner, &rest, "reject").await.expect(200);
    assert_eq!(ask(&ann, &order, 100).await.expect(201)["state"], "requested");
    for _ in 0..12 {
        app.run_jobs().await;
        app.advance(minutes(1));
        app.deliver().await;
    }
    app.run_jobs().await;
    let back = app.simulator.ledger().refunds.iter().map(|refund| refund.refund_fen.0).sum::<i64>();
    assert_eq!(ann.see(&order).await["refunded_fen"], back, "what staff began is back, here as there");
    app.end().await;
}

#[tokio::test]
async fn the_fifty_first_refund_of_a_payment_is_refused() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    for _ in 0..50 {
        ask(&ann, &order, 1).await.expect(201);
    }
    for who in [&ann, &owner] {
        ask(who, &order, 1).await.expect_problem(409, "refund.too_many");
    }
    assert_eq!(app.number("SELECT refund_held_fen FROM orders").await, 50, "what was refused set nothing aside");
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn an_amount_out_of_this_world_is_refused_like_any_other() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(1_000, 5).await, app.buyer("ann").await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    for amount in [0, -1] {
        ask(&ann, &order, amount).await.expect_problem(422, "http.invalid");
    }
    ask(&ann, &order, 1).await.expect(201);
    for amount in [1_000, i64::MAX - 1, i64::MAX] {
        ask(&ann, &order, amount).await.expect_problem(409, "refund.too_much");
    }
    assert_eq!(app.number("SELECT refund_held_fen FROM orders").await, 1);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_is_one_refund_also_of_all_that_is_left() {
    let app = TestApp::crowded().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    for who in [&ann, &owner] {
        let (order, _) = app.paid_order(&ann, &goods, 1).await;
        let door = if who.signed_in["staff"].is_null() { "/v1" } else { "/admin/v1" };
        let (path, key) = (format!("{door}/orders/{}/refunds", id(&order)), new_key());
        let body = json!({ "amount_fen": 1_000, "reason": "不要了" });
        let asks = (0..10).map(|_| who.post(&path).key(&key).json(&body).send());
        let refunds: Vec<Value> = join_all(asks).await.into_iter().map(|answer| answer.expect(201)).collect();
        assert!(refunds.iter().all(|refund| *refund == refunds[0]), "all are told the same");
        let count = format!("SELECT COUNT(*) FROM refunds WHERE order_id = {}", id(&order));
        assert_eq!(app.number(&count).await, 1);
        let other = json!({ "amount_fen": 999, "reason": "不要了" });
        who.post(&path).key(&key).json(&other).send().await.expect_problem(422, "idempotency.key_reused");
        who.post(&path).json(&body).send().await.expect_problem(400, "idempotency.key_missing");
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM audit WHERE action = 'refund.start'").await, 1);
    app.run_jobs().await;
    app.advance(minutes(1));
    app.deliver().await;
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn states_forbid_what_they_must_and_say_so() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 9).await, app.buyer("ann").await, app.owner().await);
    let bob = app.buyer("bob").await;
    let unpaid = ann.order(&goods, 1).await.expect(201);
    for who in [&ann, &owner] {
        let problem = ask(who, &unpaid, 1).await.expect_problem(409, "refund.order_state_forbids");
        assert_eq!(problem["state"], "pending");
    }
    ann.cancel(&unpaid).await.expect(200);
    assert_eq!(ask(&ann, &unpaid, 1).await.expect_problem(409, "refund.order_state_forbids")["state"], "closed");
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    ask(&bob, &order, 1).await.expect_problem(404, "refund.order_not_found");
    let (first, second) = (ask(&ann, &order, 10).await.expect(201), ask(&ann, &order, 20).await.expect(201));
    assert_eq!(decide(&owner, &first, "approve").await.expect(200)["state"], "approved");
    assert_eq!(decide(&owner, &second, "reject").await.expect(200)["state"], "rejected");
    for (refund, state) in [(&first, "approved"), (&second, "rejected")] {
        for word in ["approve", "reject"] {
            let problem = decide(&owner, refund, word).await.expect_problem(409, "refund.state_forbids");
            assert_eq!(problem["state"], state);
        }
    }
    decide(&owner, &json!({ "id": "404" }), "approve").await.expect_problem(404, "refund.not_found");
    decide(&ann, &first, "approve").await.expect(401);
    app.run_jobs().await;
    let listed = owner.get("/admin/v1/refunds?state=processing").send().await.expect(200);
    assert_eq!(id(&listed["items"][0]), id(&first));
    app.advance(minutes(1));
    app.run_jobs().await;
    assert_eq!(
        decide(&owner, &first, "reject").await.expect_problem(409, "refund.state_forbids")["state"],
        "succeeded"
    );
    assert_eq!(app.number("SELECT refund_held_fen FROM orders WHERE state = 'paid'").await, 10);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn a_whole_refund_ends_the_order() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    ask(&owner, &order, 400).await.expect(201);
    ask(&owner, &order, 600).await.expect(201);
    app.run_jobs().await;
    app.advance(minutes(1));
    app.deliver().await;
    let seen = ann.see(&order).await;
    assert_eq!((&seen["state"], &seen["refunded_fen"]), (&json!("paid"), &json!(400)));
    app.run_jobs().await;
    app.advance(minutes(1));
    app.deliver().await;
    let seen = ann.see(&order).await;
    assert_eq!(
        (&seen["state"], &seen["refunded_fen"], &seen["version"]),
        (&json!("refunded"), &json!(1_000), &json!(3))
    );
    assert_eq!(ask(&ann, &order, 1).await.expect_problem(409, "refund.order_state_forbids")["state"], "refunded");
    assert_eq!(app.left(&goods).await, 4, "money back is not goods back: staff adjust the stock");
    app.run_jobs().await;
    app.end().await;
}
