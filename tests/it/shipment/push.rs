//! Messages of WeChat: taken in every mode and form, once, and only when they are WeChat's and about our orders.

use super::{inspect, listen, receive, ship};
use crate::support::{
    app::{APPS, PUSH_TOKEN, TestApp},
    client::Answer,
    rows::{changed, dump},
    shop::id,
};
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{
    model::time::{days, minutes},
    simulator::{CallbackState, PushFormat, PushMode, Trick},
    wechat::push::packet::signature,
};

const SETTLEMENT: &str = "trade_manage_order_settlement";

/// Send a message by hand, as drawn.
async fn post(app: &TestApp, callback: &str, trick: Trick) -> Answer {
    let notice = app.simulator.notice(callback, trick).expect("notice");
    let path = notice.url.strip_prefix(&app.base).expect("our address").to_owned();
    app.nobody().post(&path).body(notice.body).send().await
}

/// A message of any event to the first mini-program; its id at WeChat.
fn event(app: &TestApp, place: usize, name: &str, fields: &Value) -> String {
    app.simulator.push_event(APPS[place].0, name, "o1", fields).expect("planned").expect("a target").id
}

/// What happened to an order.
fn events(timeline: &Value) -> Vec<Value> {
    let list = timeline.get("items").unwrap_or(timeline);
    list.as_array().expect("events").clone()
}

async fn outcomes(app: &TestApp) -> Vec<String> {
    app.rows().texts("SELECT COALESCE(outcome, '-') FROM pushes ORDER BY id").await
}

#[tokio::test]
async fn a_settlement_is_kept_and_a_receipt_moves_the_order_in_every_mode_and_form() {
    let app = TestApp::new().await;
    let goods = app.goods(100, 50).await;
    for (round, (place, mode)) in
        [(0, PushMode::Secure), (0, PushMode::Compatible), (1, PushMode::Plain)].into_iter().enumerate()
    {
        for format in [PushFormat::Json, PushFormat::Xml] {
            listen(&app, place, mode, format);
            let ann = app.buyer_in(APPS[place].0, &format!("ann{round}{format:?}")).await;
            let owner = app.owner().await;
            let (order, number) = app.paid_order(&ann, &goods, 1).await;
            ship(&owner, &order).await.expect(200);
            app.run_jobs().await;
            app.deliver().await;
            app.run_jobs().await;
            let seen = inspect(&app, &order).await;
            assert_eq!(seen["state"], "shipped", "{mode:?} {format:?}");
            assert!(seen["wechat"]["shipped_ms"].is_i64() && seen["wechat"]["estimated_settlement_ms"].is_i64());
            assert!(seen["wechat"]["settled_ms"].is_null());
            app.simulator.confirm_receipt(&number).expect("confirmed");
            app.advance(days(1));
            app.deliver().await;
            app.run_jobs().await;
            let seen = inspect(&app, &order).await;
            assert_eq!((&seen["state"], &seen["wechat"]["confirm_method"]), (&json!("received"), &json!("manual")));
            assert!(seen["wechat"]["settled_ms"].as_i64() > seen["wechat"]["confirmed_ms"].as_i64());
            let timeline =
                app.owner().await.get(&format!("/admin/v1/orders/{}/timeline", id(&order))).send().await.expect(200);
            for word in ["shipped", "confirmed", "settled"] {
                let said = |event: &Value| event["subject"] == "wechat" && event["outcome"] == word;
                assert!(events(&timeline).iter().any(said), "{word}: {timeline}");
            }
            let upload = format!("upload_shipping:{}:1", id(&order));
            assert!(events(&timeline).iter().any(|event| event["subject"] == *upload && event["outcome"] == "done"));
            let last = seen["history"].as_array().unwrap().last().unwrap().clone();
            assert_eq!((&last["step"], &last["actor"]), (&json!("receive"), &json!("wechat")));
        }
    }
    let done = |callback: &weizhan::simulator::Callback| callback.state == CallbackState::Done;
    assert!(app.simulator.callbacks().iter().all(done), "each was answered at once");
    app.end().await;
}

#[tokio::test]
async fn a_reminder_raises_an_alarm_until_the_order_is_sent() {
    let app = TestApp::new().await;
    listen(&app, 0, PushMode::Secure, PushFormat::Json);
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (first, number) = app.paid_order(&ann, &goods, 1).await;
    app.simulator.remind_shipping(&number).expect("reminded");
    app.deliver().await;
    app.run_jobs().await;
    // Whoever never sent anything is told of the interface, and of no order.
    assert_eq!(inspect(&app, &first).await["wechat"]["overdue"], false);
    ship(&owner, &first).await.expect(200);
    app.run_jobs().await;
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    app.advance(days(2) + minutes(1));
    app.deliver().await;
    app.run_jobs().await;
    let seen = inspect(&app, &order).await;
    assert_eq!((&seen["wechat"]["overdue"], seen["wechat"]["reminded_ms"].is_i64()), (&json!(true), true));
    ship(&app.owner().await, &order).await.expect(200);
    app.run_jobs().await;
    let seen = inspect(&app, &order).await;
    assert_eq!((&seen["wechat"]["overdue"], seen["wechat"]["reminded_ms"].is_i64()), (&json!(false), true));
    app.end().await;
}

#[tokio::test]
async fn a_message_that_comes_ten_times_at_once_is_one() {
    let app = TestApp::crowded().await;
    listen(&app, 0, PushMode::Secure, PushFormat::Json);
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, number) = app.paid_order(&ann, &goods, 1).await;
    ship(&owner, &order).await.expect(200);
    app.run_jobs().await;
    app.simulator.faults().change(|faults| faults.duplicate = 9);
    app.simulator.confirm_receipt(&number).expect("confirmed");
    app.advance(days(1));
    app.deliver().await;
    app.run_jobs().await;
    assert_eq!(app.number("SELECT COUNT(*) FROM pushes").await, 2, "shipped, and settled");
    assert_eq!(app.number("SELECT COUNT(*) FROM order_transitions WHERE step = 'receive'").await, 1);
    let settled = app.simulator.callbacks().last().unwrap().id.clone();
    let before = dump(&app.app.database).await;
    for _ in 0..3 {
        let answer = post(&app, &settled, Trick::None).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "success"), "a repetition is welcome");
    }
    app.run_jobs().await;
    assert_eq!(changed(&before, &dump(&app.app.database).await), Vec::<String>::new());
    app.end().await;
}

#[tokio::test]
async fn nothing_is_believed_that_wechat_did_not_send() {
    let app = TestApp::new().await;
    let before = dump(&app.app.database).await;
    let forged = [Trick::ForeignKey, Trick::Tampered, Trick::Stale, Trick::Unsigned, Trick::UnknownSerial];
    for (place, mode) in [(0, PushMode::Secure), (0, PushMode::Compatible), (1, PushMode::Plain)] {
        for format in [PushFormat::Json, PushFormat::Xml] {
            listen(&app, place, mode, format);
            let callback = event(&app, place, SETTLEMENT, &json!({ "transaction_id": "42" }));
            for trick in forged {
                let answer = post(&app, &callback, trick).await;
                assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "FAIL"), "{trick:?} {mode:?}");
            }
        }
    }
    // Rightly signed, but plain: the signature does not cover the body, so it proves nothing of it.
    listen(&app, 0, PushMode::Plain, PushFormat::Json);
    let plain = event(&app, 0, SETTLEMENT, &json!({ "transaction_id": "42" }));
    assert_eq!(post(&app, &plain, Trick::None).await.status, 400);
    // What is sealed for one mini-program is not for another.
    listen(&app, 0, PushMode::Secure, PushFormat::Json);
    let sealed = event(&app, 0, SETTLEMENT, &json!({ "transaction_id": "42" }));
    let notice = app.simulator.notice(&sealed, Trick::None).expect("notice");
    let path = notice.url.strip_prefix(&app.base).unwrap().replace(APPS[0].0, "wxc333333333333333");
    assert_eq!(app.nobody().post(&path).body(notice.body).send().await.status, 404);
    assert_eq!(changed(&before, &dump(&app.app.database).await), Vec::<String>::new());
    app.end().await;
}

#[tokio::test]
async fn what_is_about_no_order_of_ours_is_kept_and_does_nothing() {
    let app = TestApp::new().await;
    listen(&app, 0, PushMode::Secure, PushFormat::Xml);
    listen(&app, 1, PushMode::Plain, PushFormat::Json);
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, number) = app.paid_order(&ann, &goods, 1).await;
    ship(&owner, &order).await.expect(200);
    app.run_jobs().await;
    app.simulator.push_to(APPS[0].0, None).expect("none");
    listen(&app, 0, PushMode::Secure, PushFormat::Xml);
    app.deliver().await;
    app.run_jobs().await;
    let transaction = order["payments"][0]["transaction_id"].clone();
    let now = app.clock_seconds();
    let about = |change: &dyn Fn(&mut Value)| {
        let mut fields = json!({ "transaction_id": transaction, "merchant_id": app.app.config.pay.mchid,
            "merchant_trade_no": number, "confirm_receive_method": 2, "confirm_receive_time": now });
        change(&mut fields);
        fields
    };
    event(&app, 0, SETTLEMENT, &about(&|fields| fields["transaction_id"] = json!("4200000000")));
    event(&app, 0, SETTLEMENT, &about(&|fields| fields["merchant_id"] = json!("1900000002")));
    event(&app, 0, SETTLEMENT, &about(&|fields| fields["merchant_trade_no"] = json!("another")));
    event(&app, 1, SETTLEMENT, &about(&|_| {}));
    event(&app, 0, SETTLEMENT, &json!({ "settlement_time": now }));
    event(&app, 0, "user_enter_tempsession", &json!({ "SessionFrom": "a private word" }));
    app.deliver().await;
    app.run_jobs().await;
    let mut seen = outcomes(&app).await;
    seen.sort();
    assert_eq!(seen, ["foreign", "foreign", "foreign", "foreign", "ignored", "noted", "unreadable"]);
    assert_eq!(app.rows().texts("SELECT content FROM pushes WHERE outcome = 'ignored'").await, [""]);
    assert_eq!(inspect(&app, &order).await["state"], "shipped");
    // The same about the order that it fits moves it.
    event(&app, 0, SETTLEMENT, &about(&|_| {}));
    app.deliver().await;
    app.run_jobs().await;
    assert_eq!(inspect(&app, &order).await["state"], "received");
    // Handled messages are forgotten with the finished jobs.
    app.advance(days(15));
    weizhan::compute::schedule::turn(&app.app, &mut weizhan::compute::lease::Lease::new(&app.app, "schedule"))
        .await
        .expect("the schedule");
    app.run_jobs().await;
    assert_eq!(app.number("SELECT COUNT(*) FROM pushes").await, 0);
    app.end().await;
}

#[tokio::test]
async fn a_receipt_that_comes_late_or_for_what_was_not_sent_here_only_informs() {
    let app = TestApp::new().await;
    listen(&app, 0, PushMode::Secure, PushFormat::Json);
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (received, _) = app.paid_order(&ann, &goods, 1).await;
    let (elsewhere, _) = app.paid_order(&ann, &goods, 1).await;
    ship(&owner, &received).await.expect(200);
    receive(&ann, &received).await.expect(200);
    for order in [&received, &elsewhere] {
        let transaction = order["payments"][0]["transaction_id"].clone();
        let fields = json!({ "transaction_id": transaction, "confirm_receive_method": "1",
            "confirm_receive_time": app.clock_seconds().to_string() });
        event(&app, 0, SETTLEMENT, &fields);
    }
    app.run_jobs().await;
    app.deliver().await;
    app.run_jobs().await;
    for (order, state, version) in [(&received, "received", 4), (&elsewhere, "paid", 2)] {
        let seen = inspect(&app, order).await;
        assert_eq!((&seen["state"], &seen["version"]), (&json!(state), &json!(version)));
        assert_eq!(seen["wechat"]["confirm_method"], "auto");
    }
    app.end().await;
}

async fn verify(app: &TestApp, appid: &str, token: &str, age: Duration) -> Answer {
    let timestamp = (app.clock_seconds() - i64::try_from(age.as_secs()).unwrap()).to_string();
    let proof = signature(&[token, &timestamp, "n1"]);
    let query = format!("signature={proof}&timestamp={timestamp}&nonce=n1&echostr=3%3Cb%3E7");
    app.nobody().get(&format!("/callback/wechat/push/{appid}?{query}")).send().await
}

#[tokio::test]
async fn an_address_is_verified_by_whoever_knows_the_token() {
    let app = TestApp::new().await;
    for (appid, _) in APPS {
        let answer = verify(&app, appid, PUSH_TOKEN, minutes(0)).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "3<b>7"), "the text as it was sent");
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(verify(&app, appid, "another", minutes(0)).await.status, 401);
        assert_eq!(verify(&app, appid, PUSH_TOKEN, minutes(16)).await.status, 401);
    }
    assert_eq!(verify(&app, "wxc333333333333333", PUSH_TOKEN, minutes(0)).await.status, 404);
    app.end().await;
}

#[tokio::test]
async fn wechat_tells_a_mini_program_of_its_own_orders_only() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, number) = app.paid_order(&ann, &goods, 1).await;
    let key = weizhan::wechat::OrderKey::Transaction(order["payments"][0]["transaction_id"].as_str().unwrap().into());
    let wechat = &app.app.wechat;
    assert!(wechat.is_trade_managed(APPS[0].0).await.expect("answer"));
    let code = |error: weizhan::wechat::Error| error.code().to_owned();
    let remind = || wechat.notify_confirm_receive(APPS[0].0, &key, app.app.now());
    assert_eq!(remind().await.map_err(code), Err("10060028".to_owned()), "nothing was sent");
    ship(&owner, &order).await.expect(200);
    app.run_jobs().await;
    assert_eq!(remind().await.map_err(code), Ok(()));
    assert_eq!(remind().await.map_err(code), Err("10060030".to_owned()), "once");
    let own = wechat.find_shipped_order(APPS[0].0, &key).await.expect("order");
    assert_eq!((own.state, own.finished), (weizhan::wechat::OrderState::Shipped, true));
    let by_number = weizhan::wechat::OrderKey::Number { mchid: app.app.config.pay.mchid.clone(), out_trade_no: number };
    assert_eq!(wechat.find_shipped_order(APPS[0].0, &by_number).await.expect("order"), own);
    let other = wechat.find_shipped_order(APPS[1].0, &key).await;
    assert_eq!(other.map_err(code), Err("10060001".to_owned()), "another mini-program's order is not there");
    app.end().await;
}
