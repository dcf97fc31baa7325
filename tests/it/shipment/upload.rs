//! Whatever is lost, late or refused: WeChat learns once what was sent, and staff learn what it did not take.

use super::{UPLOAD, correct, inspect, send, ship};
use crate::support::{
    app::{Setup, TestApp},
    client::User,
    shop::{Goods, failing, id},
};
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{
    model::time::minutes,
    simulator::{Loss, Shipment},
};

/// An application with goods, Ann and a member of staff.
async fn shop(setup: Setup) -> (TestApp, Goods, User, User) {
    let app = TestApp::with(setup).await;
    let (goods, ann, owner) = (app.goods(100, 50).await, app.buyer("ann").await, app.owner().await);
    (app, goods, ann, owner)
}

/// What WeChat has of a payment.
fn known(app: &TestApp, number: &str) -> Option<Shipment> {
    app.simulator.shipments().into_iter().find(|row| row.out_trade_no == number)
}

fn lose_reply(app: &TestApp) {
    let loss = Loss { path: UPLOAD.to_owned(), method: None, count: 1 };
    app.simulator.faults().change(|faults| faults.reply_lost.push(loss));
}

/// The state of the upload, and WeChat's code.
async fn upload(app: &TestApp, order: &Value) -> (Value, Value) {
    let upload = inspect(app, order).await["shipping"]["upload"].clone();
    (upload["state"].clone(), upload["code"].clone())
}

fn told() -> (Value, Value) {
    (json!("uploaded"), Value::Null)
}

/// Run what is due, then what failed and waits, until nothing is due within so many minutes.
async fn run(app: &TestApp, rounds: u64) {
    app.run_jobs().await;
    for _ in 0..rounds {
        app.advance(minutes(1));
        app.run_jobs().await;
    }
}

fn parcel(number: &str) -> Value {
    json!({ "carrier": "YTO", "tracking_no": number })
}

fn named(numbers: &[&str]) -> Vec<(String, String)> {
    numbers.iter().map(|number| ((*number).to_owned(), "YTO".to_owned())).collect()
}

#[tokio::test]
async fn what_leaves_is_told_to_wechat_once_also_when_its_reply_is_lost() {
    let (app, goods, ann, owner) = shop(Setup::default()).await;
    for lost in [false, true] {
        let (order, number) = app.paid_order(&ann, &goods, 2).await;
        let waiting = ship(&owner, &order).await.expect(200);
        assert_eq!(waiting["shipping"]["upload"]["state"], "waiting");
        if lost {
            lose_reply(&app);
        }
        run(&app, 2).await;
        let row = known(&app, &number).expect("uploaded");
        let request = &row.request;
        assert_eq!((row.uploads, row.finished, &request["delivery_mode"]), (1, true, &json!(1)));
        let entry = json!({ "tracking_no": "SF1234567890", "express_company": "SF", "item_desc": "龙井×2",
            "contact": { "receiver_contact": "138****0000" } });
        assert_eq!(request["shipping_list"], json!([entry]));
        assert_eq!(request["order_key"]["order_number_type"], 2);
        let seen = inspect(&app, &order).await;
        assert_eq!(seen["shipping"]["upload"]["state"], "uploaded");
        assert!(seen["shipping"]["upload"]["uploaded_ms"].is_i64() && seen["shipping"]["upload"]["remedy"].is_null());
        assert!(ann.see(&order).await.get("shipping").is_none(), "the buyer need not know");
    }
    app.end().await;
}

#[tokio::test]
async fn an_order_that_wechat_does_not_see_yet_is_told_later() {
    let (app, goods, ann, owner) = shop(Setup::default()).await;
    app.simulator.faults().change(|faults| faults.ship_lag_seconds = 90);
    let (order, number) = app.paid_order(&ann, &goods, 1).await;
    ship(&owner, &order).await.expect(200);
    app.run_jobs().await;
    assert_eq!(known(&app, &number), None);
    assert_eq!(upload(&app, &order).await, (json!("waiting"), Value::Null));
    assert!(app.number("SELECT MAX(attempt) FROM jobs WHERE kind = 'upload_shipping' AND state = 'ready'").await > 0);
    run(&app, 4).await;
    assert_eq!((upload(&app, &order).await, known(&app, &number).expect("uploaded").uploads), (told(), 1));
    app.end().await;
}

#[tokio::test]
async fn a_token_that_went_bad_and_a_wechat_that_is_busy_do_no_harm() {
    let (app, goods, ann, owner) = shop(Setup::default()).await;
    for code in ["40001", "-1", "10060012", "10060019", "45009"] {
        let (order, number) = app.paid_order(&ann, &goods, 1).await;
        ship(&owner, &order).await.expect(200);
        failing(&app, "POST", UPLOAD, 1, 200, code);
        run(&app, 2).await;
        assert_eq!(
            (upload(&app, &order).await, known(&app, &number).expect("uploaded").uploads),
            (told(), 1),
            "{code}"
        );
    }
    app.end().await;
}

#[tokio::test]
async fn what_wechat_never_takes_is_shown_to_staff_who_may_send_it_again() {
    let (app, goods, ann, owner) = shop(Setup::default()).await;
    let body = parcel("YT1");
    for code in ["10060031", "48001", "268485227"] {
        let (order, number) = app.paid_order(&ann, &goods, 1).await;
        send(&owner, &order, &body).await.expect(200);
        failing(&app, "POST", UPLOAD, 1, 200, code);
        run(&app, 5).await;
        let seen = inspect(&app, &order).await["shipping"]["upload"].clone();
        assert_eq!((&seen["state"], &seen["code"]), (&json!("refused"), &json!(code)));
        assert!(["cause", "remedy"].iter().all(|part| seen[*part].as_str().is_some_and(|text| !text.is_empty())));
        assert_eq!(known(&app, &number), None, "it was not tried again");
        correct(&owner, &order, &body).await.expect(200);
        run(&app, 0).await;
        assert_eq!(
            (upload(&app, &order).await, known(&app, &number).expect("uploaded").uploads),
            (told(), 1),
            "{code}"
        );
    }
    app.end().await;
}

#[tokio::test]
async fn one_that_is_never_found_ends_as_a_refusal_and_not_as_a_dead_job() {
    let (app, goods, ann, owner) = shop(Setup::default()).await;
    app.simulator.faults().change(|faults| faults.ship_lag_seconds = 30 * 86_400);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    ship(&owner, &order).await.expect(200);
    for _ in 0..70 {
        app.run_jobs().await;
        app.advance(minutes(19));
    }
    assert_eq!(upload(&app, &order).await, (json!("refused"), json!("10060001")));
    app.end().await;
}

#[tokio::test]
async fn what_wechat_finished_with_counts_as_told_only_when_it_has_the_same() {
    let (app, goods, ann, owner) = shop(Setup::default()).await;
    for code in ["10060002", "10060003", "10060004"] {
        let (order, number) = app.paid_order(&ann, &goods, 1).await;
        send(&owner, &order, &parcel("YT1")).await.expect(200);
        lose_reply(&app);
        app.run_jobs().await;
        failing(&app, "POST", UPLOAD, 1, 200, code);
        run(&app, 2).await;
        assert_eq!(
            (upload(&app, &order).await, known(&app, &number).expect("uploaded").uploads),
            (told(), 1),
            "{code}"
        );
        let (other, _) = app.paid_order(&ann, &goods, 1).await;
        send(&owner, &other, &parcel("YT1")).await.expect(200);
        failing(&app, "POST", UPLOAD, 1, 200, code);
        run(&app, 0).await;
        assert_eq!(upload(&app, &other).await, (json!("refused"), json!(code)));
    }
    app.end().await;
}

#[tokio::test]
async fn an_order_leaves_in_several_parcels_and_in_several_steps() {
    let (app, goods, ann, owner) = shop(Setup::default()).await;
    for lost in [false, true] {
        let (order, number) = app.paid_order(&ann, &goods, 3).await;
        let first = json!({ "parcels": [parcel("YT1"), parcel("YT2")], "more_to_come": true });
        let sent = send(&owner, &order, &first).await.expect(200);
        assert_eq!((&sent["state"], &sent["shipping"]["more_to_come"]), (&json!("shipped"), &json!(true)));
        assert!(sent["shipping"]["receive_ms"].is_null(), "time receives nothing that has not left");
        run(&app, 0).await;
        let row = known(&app, &number).expect("uploaded");
        assert_eq!((row.parcels.clone(), row.finished, row.uploads), (named(&["YT1", "YT2"]), false, 1));
        if lost {
            lose_reply(&app);
        }
        let sent = send(&owner, &order, &parcel("YT3")).await.expect(200);
        assert_eq!((sent["shipments"].as_array().map(Vec::len), &sent["version"]), (Some(3), &json!(3)));
        run(&app, 2).await;
        let row = known(&app, &number).expect("uploaded");
        assert_eq!((row.parcels.clone(), row.finished, row.uploads), (named(&["YT1", "YT2", "YT3"]), true, 2));
        assert_eq!(row.request["shipping_list"].as_array().map(Vec::len), Some(1), "only what was new");
        assert!(!row.reshipped);
        assert_eq!(upload(&app, &order).await, told());
        send(&owner, &order, &parcel("YT4")).await.expect_problem(409, "order.state_forbids");
    }
    app.end().await;
}

#[tokio::test]
async fn the_last_step_may_say_only_that_nothing_more_comes() {
    let (app, goods, ann, owner) = shop(Setup::default()).await;
    let (order, number) = app.paid_order(&ann, &goods, 1).await;
    let mut first = parcel("YT1");
    first["more_to_come"] = json!(true);
    send(&owner, &order, &first).await.expect(200);
    // Nothing is told before the second step: both jobs are due, and one of them has everything to say.
    let sent = send(&owner, &order, &json!({})).await.expect(200);
    assert!(sent["shipping"]["receive_ms"].is_i64() && sent["shipping"]["more_to_come"] == false);
    run(&app, 1).await;
    let row = known(&app, &number).expect("uploaded");
    assert_eq!((row.parcels.clone(), row.finished, row.uploads), (named(&["YT1"]), true, 1));
    app.end().await;
}

#[tokio::test]
async fn a_correction_takes_the_place_of_what_was_said_and_wechat_takes_one() {
    let (app, goods, ann, owner) = shop(Setup::default()).await;
    let (order, number) = app.paid_order(&ann, &goods, 1).await;
    correct(&owner, &order, &parcel("YT1")).await.expect_problem(409, "order.state_forbids");
    send(&owner, &order, &parcel("YT1")).await.expect(200);
    run(&app, 0).await;
    let corrected = correct(&owner, &order, &parcel("YT2")).await.expect(200);
    assert_eq!(corrected["shipments"][0]["tracking_no"], "YT2");
    assert_eq!((corrected["shipments"].as_array().map(Vec::len), &corrected["version"]), (Some(1), &json!(3)));
    run(&app, 0).await;
    let row = known(&app, &number).expect("uploaded");
    assert_eq!((row.parcels.clone(), row.uploads, row.reshipped), (named(&["YT2"]), 2, true));
    correct(&owner, &order, &parcel("YT3")).await.expect(200);
    run(&app, 0).await;
    assert_eq!(upload(&app, &order).await, (json!("refused"), json!("10060003")));
    assert_eq!(known(&app, &number).expect("uploaded").parcels, named(&["YT2"]));
    app.end().await;
}

#[tokio::test]
async fn not_everything_travels_in_a_parcel() {
    let (app, goods, ann, owner) = shop(Setup::default()).await;
    for (word, number) in [("same_city", 2), ("virtual", 3), ("pick_up", 4)] {
        let (order, trade) = app.paid_order(&ann, &goods, 1).await;
        let mut body = json!({ "logistics": word, "description": "一张券" });
        let wrong = |extra: Value| {
            let mut body = body.clone();
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            body
        };
        let both = wrong(json!({ "parcels": [parcel("YT1")] }));
        send(&owner, &order, &both).await.expect_problem(422, "shipment.parcel_unwanted");
        let steps = wrong(json!({ "more_to_come": true }));
        send(&owner, &order, &steps).await.expect_problem(422, "shipment.not_split");
        assert_eq!(send(&owner, &order, &body).await.expect(200)["state"], "shipped");
        run(&app, 0).await;
        let request = known(&app, &trade).expect("uploaded").request;
        assert_eq!((&request["logistics_type"], &request["delivery_mode"]), (&json!(number), &json!(1)));
        assert_eq!(request["shipping_list"], json!([{ "item_desc": "一张券" }]));
        body["logistics"] = json!("by_camel");
        send(&owner, &order, &body).await.expect_problem(422, "http.invalid");
    }
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    for (body, code) in [
        (json!({}), "shipment.parcel_missing"),
        (json!({ "carrier": "SF" }), "shipment.parcel_missing"),
        (json!({ "carrier": "SF", "tracking_no": "1", "parcels": [] }), "shipment.parcel_twice"),
    ] {
        send(&owner, &order, &body).await.expect_problem(422, code);
    }
    let fifteen: Vec<_> = (0..15).map(|number| parcel(&format!("YT{number}"))).collect();
    send(&owner, &order, &json!({ "parcels": fifteen, "more_to_come": true })).await.expect(200);
    send(&owner, &order, &parcel("YT15")).await.expect_problem(422, "shipment.too_many_parcels");
    send(&owner, &order, &json!({ "logistics": "virtual" })).await.expect_problem(409, "shipment.logistics_differs");
    run(&app, 0).await;
    app.end().await;
}

#[tokio::test]
async fn a_shop_that_need_not_tell_tells_nothing() {
    let overrides = vec![("shipping.upload", "false".to_owned())];
    let (app, goods, ann, owner) = shop(Setup { overrides, ..Setup::default() }).await;
    let (order, number) = app.paid_order(&ann, &goods, 1).await;
    ship(&owner, &order).await.expect(200);
    run(&app, 1).await;
    assert_eq!((upload(&app, &order).await, known(&app, &number)), ((json!("off"), Value::Null), None));
    app.end().await;
}

#[tokio::test]
async fn what_was_refunded_before_it_was_told_is_not_told() {
    let (app, goods, ann, owner) = shop(Setup::default()).await;
    app.simulator.faults().change(|faults| faults.ship_lag_seconds = 600);
    let (order, number) = app.paid_order(&ann, &goods, 1).await;
    ship(&owner, &order).await.expect(200);
    let body = json!({ "amount_fen": 100, "reason": "x" });
    owner.post(&format!("/admin/v1/orders/{}/refunds", id(&order))).new_key().json(&body).send().await.expect(201);
    app.run_jobs().await;
    app.advance(Duration::from_secs(90));
    app.deliver().await;
    assert_eq!(inspect(&app, &order).await["state"], "refunded");
    run(&app, 12).await;
    assert_eq!((upload(&app, &order).await, known(&app, &number)), ((json!("void"), Value::Null), None));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clerks_who_add_to_one_order_lose_no_parcel() {
    let app = TestApp::crowded().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let (one, other) = (app.owner().await, app.owner().await);
    let (order, number) = app.paid_order(&ann, &goods, 1).await;
    let more = |name: &str| json!({ "parcels": [parcel(name)], "more_to_come": true });
    send(&one, &order, &more("YT0")).await.expect(200);
    let (one_more, other_more) = (more("YT1"), more("YT2"));
    let (first, second) = tokio::join!(send(&one, &order, &one_more), send(&other, &order, &other_more));
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    run(&app, 1).await;
    let mut parcels = known(&app, &number).expect("uploaded").parcels;
    parcels.sort();
    assert_eq!(parcels, named(&["YT0", "YT1", "YT2"]));
    app.end().await;
}
