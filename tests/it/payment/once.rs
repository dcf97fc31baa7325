//! Each notice has one effect, however often, in whatever order and however much at the same time it arrives. Shown with
//! the callbacks of several payments and refunds, each sent many times at once in a shuffled order: the same bytes again,
//! and drawn anew with other nonces and either of WeChat's keys.

use crate::support::{app::TestApp, full, letter::Letter, shop::id};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;
use weizhan::{app::random_number, model::time::minutes, simulator::CallbackKey};

/// In a random order.
pub(super) fn shuffle<T>(list: &mut [T]) {
    for place in (1..list.len()).rev() {
        let other = usize::try_from(random_number(u64::try_from(place).unwrap() + 1)).unwrap();
        list.swap(place, other);
    }
}

/// Two orders with a part of their money on its way back; how many WeChat calls of it are held back.
async fn refunds_under_way(app: &TestApp, owner: &crate::support::client::User, orders: &[serde_json::Value]) {
    for order in orders {
        let ask = json!({ "amount_fen": 40, "reason": "少了" });
        owner.post(&format!("/admin/v1/orders/{}/refunds", id(order))).new_key().json(&ask).send().await.expect(201);
    }
    app.run_jobs().await;
    app.simulator.faults().change(|faults| faults.drop = true);
    app.advance(Duration::from_secs(11));
    // Ends the refunds at WeChat; their callbacks are made and not sent.
    assert_eq!(app.deliver().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_and_shuffled_notices_have_one_effect_each() {
    let app = TestApp::crowded().await;
    let (goods, ann, owner) = (app.goods(100, 50).await, app.buyer("ann").await, app.owner().await);
    let address = ann.address().await;
    let mut refunded = Vec::new();
    for _ in 0..2 {
        refunded.push(app.paid_order(&ann, &goods, 1).await.0);
    }
    refunds_under_way(&app, &owner, &refunded).await;
    let mut paid = Vec::new();
    for _ in 0..4 {
        let order = ann.order_to(&address, &goods, 2).await.expect(201);
        let number = app.begin_payment(&ann, &order).await;
        app.simulator.pay(&number).unwrap();
        paid.push(order);
    }
    let held: Vec<_> = app.simulator.callbacks().into_iter().filter(|callback| callback.attempts.is_empty()).collect();
    assert_eq!(held.len(), 6, "four payments and two refunds");
    let copies = if full() { 100 } else { 17 };
    app.simulator.faults().change(|faults| faults.callback_key = CallbackKey::Mixed);
    let mut letters: Vec<Letter> = Vec::new();
    for callback in &held {
        let same = app.letter_of(&callback.subject);
        letters.extend(
            (0..copies).map(|copy| if copy % 2 == 0 { same.clone() } else { app.letter_of(&callback.subject) }),
        );
    }
    shuffle(&mut letters);
    for answer in join_all(letters.iter().map(|letter| app.post_letter(letter))).await {
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    }
    for order in &paid {
        let seen = ann.see(order).await;
        assert_eq!((&seen["state"], &seen["version"]), (&json!("paid"), &json!(2)));
        assert_eq!(seen["payments"].as_array().unwrap().len(), 1);
    }
    for order in &refunded {
        let seen = ann.see(order).await;
        assert_eq!((&seen["refunded_fen"], &seen["refunds"][0]["state"]), (&json!(40), &json!("succeeded")));
        assert_eq!((&seen["state"], &seen["version"]), (&json!("paid"), &json!(2)));
    }
    assert_eq!(app.number("SELECT sales FROM products").await, 2 + 4 * 2);
    assert_eq!(app.number("SELECT COUNT(*) FROM notices").await, 2 + 6);
    assert_eq!(app.number("SELECT COUNT(*) FROM payments").await, 6);
    app.advance(minutes(1));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn wechat_is_told_once_and_stops_calling() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| (faults.duplicate, faults.probe) = (9, true));
    app.paid_order(&ann, &goods, 1).await;
    let callback = &app.simulator.callbacks()[0];
    let statuses: Vec<_> = callback.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(
        (statuses[0], &statuses[1..]),
        (Some(401), [Some(204); 10].as_slice()),
        "the probe fails, all copies pass"
    );
    assert!(!callback.attempts.iter().any(|attempt| attempt.fooled));
    app.advance(minutes(60));
    assert_eq!(app.deliver().await, 0);
    app.run_jobs().await;
    app.end().await;
}
