//! Money for an order that closed pays it after all where the shop wants that and every piece can be set aside again;
//! otherwise it goes back. Both are decided where the money is written down.

use crate::support::{
    app::{Setup, TestApp},
    client::{User, new_key},
    full,
    shop::{failing, id},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use weizhan::model::time::minutes;

const CLOSE: &str = "/v3/pay/transactions/out-trade-no/";

async fn reserving() -> TestApp {
    let overrides =
        vec![("pay.late_payment", "reserve".to_owned()), ("database.acquire_timeout_ms", "60000".to_owned())];
    TestApp::with(Setup { overrides, ..Setup::default() }).await
}

/// An order of one piece of each SKU that is closed here, while WeChat still lets it be paid.
async fn closed_only_here(app: &TestApp, ann: &User, address: &str, skus: &[&str]) -> (Value, String) {
    let lines: Vec<_> = skus.iter().map(|sku| json!({ "sku_id": sku, "qty": 1 })).collect();
    let body = json!({ "lines": lines, "address_id": address });
    let order = ann.post("/v1/orders").key(&new_key()).json(&body).send().await.expect(201);
    let number = app.begin_payment(ann, &order).await;
    failing(app, "POST", CLOSE, 1, 400, "ORDER_CLOSED");
    assert_eq!(ann.cancel(&order).await.expect(200)["state"], "closed");
    (order, number)
}

fn steps(seen: &Value) -> Vec<&str> {
    seen["history"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn late_money_pays_an_order_whose_pieces_are_all_there() {
    let app = reserving().await;
    let (one, other, ann) = (app.goods(100, 1).await, app.goods(200, 3).await, app.buyer("ann").await);
    let address = ann.address().await;
    let (order, number) = closed_only_here(&app, &ann, &address, &[&one.sku_id, &other.sku_id]).await;
    assert_eq!((app.left(&one).await, app.left(&other).await), (1, 3));
    app.simulator.pay(&number).unwrap();
    app.simulator.faults().change(|faults| faults.duplicate = 5);
    app.deliver().await;
    let seen = ann.see(&order).await;
    assert_eq!(steps(&seen), ["place", "close", "revive"]);
    assert_eq!((&seen["state"], &seen["payments"][0]["accepted"]), (&json!("paid"), &json!(true)));
    assert_eq!((&seen["refunds"], seen["paid_ms"].is_number()), (&json!([]), true));
    assert_eq!((app.left(&one).await, app.left(&other).await), (0, 2));
    assert_eq!(app.rows().numbers("SELECT sales FROM products ORDER BY id").await, [1, 1]);
    assert_eq!(app.number("SELECT COUNT(*) FROM stock_moves WHERE kind = 'retake'").await, 2);
    // It is an order like any other: it can be sent, and its money can go back.
    let owner = app.owner().await;
    let parcel = json!({ "carrier": "SF", "tracking_no": "SF1" });
    owner.post(&format!("/admin/v1/orders/{}/shipment", id(&order))).json(&parcel).send().await.expect(200);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn late_money_goes_back_when_one_piece_is_gone_and_nothing_is_taken() {
    let app = reserving().await;
    let (one, other, ann) = (app.goods(100, 2).await, app.goods(200, 1).await, app.buyer("ann").await);
    let address = ann.address().await;
    let (order, number) = closed_only_here(&app, &ann, &address, &[&one.sku_id, &other.sku_id]).await;
    ann.order(&other, 1).await.expect(201);
    app.simulator.pay(&number).unwrap();
    app.deliver().await;
    let seen = ann.see(&order).await;
    assert_eq!((&seen["state"], &seen["refunds"][0]["cause"]), (&json!("closed"), &json!("late_payment")));
    assert_eq!((app.left(&one).await, app.left(&other).await), (2, 0), "what was taken for a moment is back");
    assert_eq!(app.number("SELECT COUNT(*) FROM stock_moves WHERE kind = 'retake'").await, 0);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn a_second_payment_goes_back_whatever_the_policy() {
    let app = reserving().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    let mut numbers = Vec::new();
    for _ in 0..2 {
        numbers.push(app.begin_payment(&ann, &order).await);
        app.rows().execute("UPDATE prepays SET state = 'closed'").await;
    }
    assert_eq!(ann.cancel(&order).await.expect(200)["state"], "closed");
    for number in &numbers {
        app.simulator.pay(number).unwrap();
    }
    app.deliver().await;
    let seen = ann.see(&order).await;
    assert_eq!((&seen["state"], steps(&seen)), (&json!("paid"), vec!["place", "close", "revive"]));
    assert_eq!(seen["refunds"].as_array().unwrap().len(), 1);
    assert_eq!((&seen["refunds"][0]["cause"], app.left(&goods).await), (&json!("second_payment"), 4));
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_money_races_for_the_last_pieces_and_none_is_sold_twice() {
    let (orders, pieces) = if full() { (200, 50) } else { (12, 3) };
    let app = reserving().await;
    let (goods, ann) = (app.goods(100, 1_000).await, app.buyer("ann").await);
    let address = ann.address().await;
    let mut numbers = Vec::new();
    for _ in 0..orders {
        numbers.push(closed_only_here(&app, &ann, &address, &[&goods.sku_id]).await.1);
    }
    let change = json!({ "delta": pieces - 1_000, "reason": "盘点" });
    let path = format!("/admin/v1/skus/{}/stock", goods.sku_id);
    app.owner().await.post(&path).new_key().json(&change).send().await.expect(200);
    app.simulator.faults().change(|faults| faults.drop = true);
    for number in &numbers {
        app.simulator.pay(number).unwrap();
    }
    let letters: Vec<_> = numbers.iter().flat_map(|number| [app.letter_of(number), app.letter_of(number)]).collect();
    let answers = join_all(letters.iter().map(|letter| app.post_letter(letter))).await;
    assert!(answers.iter().all(|answer| answer.status == 204));
    let count = |state: &str| format!("SELECT COUNT(*) FROM orders WHERE state = '{state}'");
    assert_eq!((app.number(&count("paid")).await, app.number(&count("closed")).await), (pieces, orders - pieces));
    assert_eq!(app.left(&goods).await, 0);
    assert_eq!(app.number("SELECT COUNT(*) FROM refunds").await, orders - pieces);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}
