//! Money is found without its notice, and beginning to pay can be repeated whatever got lost. Shown with a WeChat that
//! drops its callbacks, loses its replies, or is away.

use crate::support::{
    app::{APPS, START, Setup, TestApp},
    full,
    shop::{failing, id},
};
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{app::random_number, data, model::time::minutes, simulator::Loss};

const PREPAY: &str = "/v3/pay/transactions/jsapi";
const ORDER: &str = "/v3/pay/transactions/out-trade-no/";

/// The seconds after the prepay at which WeChat is asked.
fn plan(until_seconds: u64) -> impl Iterator<Item = u64> {
    [5, 30].into_iter().chain((1..=until_seconds / 60).map(|minute| minute * 60))
}

#[tokio::test]
async fn a_lost_notice_is_found_by_asking_at_the_planned_times() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    let mut passed = 0;
    for seconds in plan(300) {
        app.advance(Duration::from_secs(seconds - passed - 1));
        assert_eq!(app.run_jobs().await, 0, "{seconds} s: too early");
        app.advance(Duration::from_secs(1));
        assert_eq!(app.run_jobs().await, 1, "{seconds} s");
        assert_eq!(ann.see(&order).await["state"], "pending");
        passed = seconds;
    }
    app.simulator.pay(&number).unwrap();
    app.advance(minutes(1));
    app.run_jobs().await;
    let seen = ann.see(&order).await;
    assert_eq!((&seen["state"], &seen["payments"][0]["source"]), (&json!("paid"), &json!("query")));
    assert_eq!(app.simulator.callbacks()[0].attempts.len(), 0, "nothing was told");
    app.end().await;
}

#[tokio::test]
async fn an_unpaid_attempt_is_asked_for_to_the_end_of_its_time_and_then_closed() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    let mut passed = 0;
    for seconds in plan(1800) {
        app.advance(Duration::from_secs(seconds - passed));
        // At the end the order's time is over too.
        assert_eq!(app.run_jobs().await, if seconds == 1800 { 2 } else { 1 }, "{seconds} s");
        passed = seconds;
    }
    assert_eq!(ann.see(&order).await["state"], "closed");
    assert!(app.simulator.pay(&number).is_err(), "it is closed at WeChat too");
    app.advance(minutes(2));
    app.run_jobs().await;
    app.advance(minutes(600));
    assert_eq!(app.run_jobs().await, 0, "nobody asks any more");
    app.end().await;
}

#[tokio::test]
async fn a_job_that_comes_late_asks_once() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    app.begin_payment(&ann, &order).await;
    app.advance(minutes(17));
    assert_eq!(app.run_jobs().await, 1, "once for all that was missed");
    app.advance(Duration::from_secs(59));
    assert_eq!(app.run_jobs().await, 0);
    app.advance(Duration::from_secs(1));
    assert_eq!(app.run_jobs().await, 1, "and then by the plan");
    app.end().await;
}

/// Begins to pay at random moments of two minutes, pays at random moments of all the time there is, and looks how long
/// it took until the shop knew. Nobody asks but the jobs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_no_callback_ever_each_payment_is_found_within_a_minute() {
    let app = TestApp::crowded().await;
    let (goods, ann) = (app.goods(100, 100_000).await, app.buyer("ann").await);
    let (address, count) = (ann.address().await, if full() { 2_000 } else { 32 });
    app.simulator.faults().change(|faults| faults.drop = true);
    let mut payments: Vec<(u64, String)> = Vec::new();
    for group in 0..4 {
        let offset = group * 30_000 + random_number(30_000);
        advance_to(&app, offset);
        for _ in 0..count / 4 {
            let order = ann.order_to(&address, &goods, 1).await.expect(201);
            let number = app.begin_payment(&ann, &order).await;
            // The last moment is the end of the order's time, which WeChat knows to the second.
            let after = if payments.is_empty() { 1_798_900 } else { random_number(1_799_000) };
            payments.push((offset + after, number));
        }
    }
    payments.sort_unstable();
    let mut coming = payments.into_iter().peekable();
    let began = app.number("SELECT MIN(created_ms) FROM prepays").await;
    while app.app.now().0 < began + 34 * 60_000 {
        let due = data::job::next_due(&mut app.app.database.read().await.unwrap()).await.unwrap();
        let next = coming.peek().map(|(at, _)| START.plus(Duration::from_millis(*at)));
        let Some(moment) = [due, next].into_iter().flatten().min() else { break };
        app.clock.advance(moment.since(app.app.now()));
        while let Some((_, number)) = coming.next_if(|(at, _)| START.plus(Duration::from_millis(*at)) <= app.app.now())
        {
            app.simulator.pay(&number).expect("paid in time");
        }
        app.run_jobs().await;
    }
    let took = app.rows().numbers("SELECT created_ms - success_ms FROM payments").await;
    let longest = took.iter().copied().max().unwrap_or_default();
    println!("{} payments without a callback, found after {longest} ms at the latest", took.len());
    assert_eq!(took.len(), count, "each was found");
    assert!(longest <= 60_999, "{longest} ms; WeChat tells whole seconds");
    assert_eq!(app.number("SELECT COUNT(*) FROM orders WHERE state <> 'paid'").await, 0);
    assert!(app.simulator.callbacks().iter().all(|callback| callback.attempts.is_empty()), "nothing was told");
    app.end().await;
}

/// Move the clock to so many milliseconds after the start.
fn advance_to(app: &TestApp, ms: u64) {
    app.clock.advance(START.plus(Duration::from_millis(ms)).since(app.app.now()));
}

#[tokio::test]
async fn a_busy_wechat_is_asked_again_with_the_same_number() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 50).await, app.buyer("ann").await);
    for (status, code) in [
        (202, ""),
        (429, "FREQUENCY_LIMITED"),
        (429, "RATELIMIT_EXCEEDED"),
        (500, "SYSTEM_ERROR"),
        (502, ""),
        (503, ""),
    ] {
        let order = ann.order(&goods, 1).await.expect(201);
        failing(&app, "POST", PREPAY, 1, status, code);
        ann.try_payment(&order).await.expect_problem(503, "wechat.busy");
        let before = app.rows().texts("SELECT out_trade_no FROM prepays ORDER BY id DESC LIMIT 1").await;
        app.simulator.faults().change(|faults| faults.drop = true);
        let number = app.begin_payment(&ann, &order).await;
        assert_eq!(before, std::slice::from_ref(&number), "{status} {code}");
        app.simulator.pay(&number).unwrap();
        failing(&app, "GET", ORDER, 1, status, code);
        app.advance(Duration::from_secs(5));
        assert_eq!(app.run_jobs().await, 1);
        assert_eq!(ann.see(&order).await["state"], "pending", "{status} {code} is no answer");
        app.advance(Duration::from_secs(5));
        assert_eq!(app.run_jobs().await, 1);
        assert_eq!(ann.see(&order).await["state"], "paid", "{status} {code}");
    }
    app.end().await;
}

#[tokio::test]
async fn the_buyer_who_says_paid_is_not_believed_but_wechat_is() {
    let app = TestApp::new().await;
    let (goods, ann, bob) = (app.goods(100, 5).await, app.buyer("ann").await, app.buyer("bob").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    let order = ann.order(&goods, 1).await.expect(201);
    assert_eq!(ann.ask_payment(&order).await.expect(200)["state"], "pending", "nothing was begun");
    let number = app.begin_payment(&ann, &order).await;
    assert_eq!(ann.ask_payment(&order).await.expect(200)["state"], "pending");
    app.simulator.fail(&number).unwrap();
    assert_eq!(ann.ask_payment(&order).await.expect(200)["state"], "pending");
    app.simulator.pay(&number).unwrap();
    failing(&app, "GET", ORDER, 1, 500, "SYSTEM_ERROR");
    ann.ask_payment(&order).await.expect_problem(503, "wechat.busy");
    app.simulator.faults().change(|faults| faults.unsigned_replies = true);
    ann.ask_payment(&order).await.expect_problem(503, "wechat.busy");
    assert_eq!(ann.see(&order).await["state"], "pending", "an unsigned reply is not believed");
    app.simulator.faults().change(|faults| faults.unsigned_replies = false);
    bob.ask_payment(&order).await.expect_problem(404, "payment.order_not_found");
    let seen = ann.ask_payment(&order).await.expect(200);
    assert_eq!((&seen["state"], &seen["payments"][0]["source"]), (&json!("paid"), &json!("query")));
    assert_eq!(ann.ask_payment(&order).await.expect(200)["version"], 2, "once");
    app.end().await;
}

#[tokio::test]
async fn beginning_again_gives_the_same_handle_until_it_grows_old() {
    let setup = Setup { overrides: vec![("order.unpaid_minutes", "180".to_owned())], ..Setup::default() };
    let app = TestApp::with(setup).await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    let handle = |params: Value| params["package"].as_str().unwrap().to_owned();
    let first = ann.try_payment(&order).await.expect(200);
    assert_eq!((first["signType"].as_str(), first["nonceStr"].as_str().unwrap().len()), (Some("RSA"), 32));
    let first = handle(first);
    app.advance(minutes(109));
    app.run_jobs().await;
    assert_eq!(handle(ann.try_payment(&order).await.expect(200)), first);
    app.advance(minutes(1));
    let second = handle(ann.try_payment(&order).await.expect(200));
    assert_ne!(second, first);
    let truth = app.simulator.ledger().payments;
    assert_eq!((truth.len(), truth[0].prepay_ids.len()), (1, 2), "one number, two handles");
    app.simulator.pay(&truth[0].out_trade_no).unwrap();
    app.deliver().await;
    ann.try_payment(&order).await.expect_problem(409, "payment.state_forbids");
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn a_lost_reply_costs_nothing() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let order = ann.order(&goods, 1).await.expect(201);
    let lost = Loss { path: PREPAY.to_owned(), method: None, count: 1 };
    app.simulator.faults().change(|faults| faults.reply_lost.push(lost));
    let answer = ann.try_payment(&order).await;
    assert!(answer.headers.contains_key("retry-after"));
    answer.expect_problem(503, "wechat.busy");
    failing(&app, "POST", PREPAY, 1, 500, "SYSTEM_ERROR");
    ann.try_payment(&order).await.expect_problem(503, "wechat.busy");
    let number = app.pay(&ann, &order).await;
    let truth = app.simulator.ledger().payments;
    assert_eq!((truth.len(), &truth[0].out_trade_no), (1, &number), "the number stayed the same");
    assert_eq!(ann.see(&order).await["state"], "paid");
    app.end().await;
}

#[tokio::test]
async fn a_number_that_wechat_will_not_take_is_closed_and_replaced() {
    for (code, status) in [("OUT_TRADE_NO_USED", 403), ("ORDER_CLOSED", 400)] {
        let app = TestApp::new().await;
        let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
        let order = ann.order(&goods, 1).await.expect(201);
        failing(&app, "POST", PREPAY, 1, status, code);
        app.pay(&ann, &order).await;
        assert_eq!(ann.see(&order).await["state"], "paid");
        let states = app.rows().texts("SELECT state FROM prepays ORDER BY id").await;
        assert_eq!(states, ["closed", "paid"], "{code}");
        app.advance(minutes(1));
        app.run_jobs().await;
        app.end().await;
    }
}

#[tokio::test]
async fn an_order_that_wechat_says_is_paid_is_paid() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    app.simulator.pay(&number).unwrap();
    // The handle is forgotten, so WeChat is asked for another one, and says that the order is paid.
    app.spoil("UPDATE prepays SET prepay_id = NULL").await;
    let refused = ann.try_payment(&order).await.expect_problem(409, "payment.state_forbids");
    assert_eq!(refused["state"], "paid");
    assert_eq!(ann.see(&order).await["state"], "paid");
    app.end().await;
}

#[tokio::test]
async fn only_the_account_that_ordered_may_pay() {
    let app = TestApp::new().await;
    let (goods, ann, bob) = (app.goods(100, 5).await, app.buyer("ann").await, app.buyer("bob").await);
    let elsewhere = app.buyer_in(APPS[1].0, "ann").await;
    assert_eq!(elsewhere.signed_in["user"]["id"], ann.signed_in["user"]["id"], "the same person");
    let order = ann.order(&goods, 1).await.expect(201);
    bob.try_payment(&order).await.expect_problem(404, "payment.order_not_found");
    bob.cancel(&order).await.expect_problem(404, "order.not_found");
    assert_eq!(id(&elsewhere.see(&order).await), id(&order), "she sees it there, too");
    elsewhere.try_payment(&order).await.expect_problem(409, "payment.payer_differs");
    assert!(app.simulator.ledger().payments.is_empty(), "WeChat was not asked");
    app.advance(minutes(30));
    ann.try_payment(&order).await.expect_problem(409, "payment.expired");
    app.run_jobs().await;
    assert_eq!(ann.try_payment(&order).await.expect_problem(409, "payment.state_forbids")["state"], "closed");
    app.end().await;
}
