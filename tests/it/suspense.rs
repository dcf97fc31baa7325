//! Money that fits no order waits in an inbox. Staff send it back, have it judged anew, or dismiss it; what they do starts
//! from what WeChat says then, and an order that waited for them ends.

use crate::support::{
    app::{API_V3_KEY, TestApp},
    client::{Answer, User},
    letter::sealed_with,
    shop::Goods,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use weizhan::{model::time::minutes, simulator::RefundStatus};

/// An order paid by somebody whom we did not ask; WeChat's number of the money.
async fn suspended(app: &TestApp, ann: &User, goods: &Goods) -> (Value, String) {
    let order = ann.order(goods, 2).await.expect(201);
    let number = app.begin_payment(ann, &order).await;
    app.spoil(&format!("UPDATE prepays SET openid = CONCAT(openid, '!') WHERE out_trade_no = '{number}'")).await;
    let transaction = app.simulator.pay(&number).unwrap().transaction_id.unwrap();
    app.deliver().await;
    assert_eq!(ann.see(&order).await["state"], "pending");
    (order, transaction)
}

async fn mend(app: &TestApp) {
    app.rows().execute("UPDATE prepays SET openid = REPLACE(openid, '!', '')").await;
}

/// WeChat truly says this; altered in one place.
async fn say(app: &TestApp, transaction: &str, name: &str, pointer: &str, value: Value) {
    let callbacks = app.simulator.callbacks();
    let callback = callbacks.iter().find(|callback| callback.resource["transaction_id"] == transaction).unwrap();
    let mut content = callback.resource.clone();
    *content.pointer_mut(pointer).unwrap() = value;
    let body = sealed_with(API_V3_KEY, name, &callback.event_type, "transaction", &content);
    let letter = app.pen().sign(app, "/callback/wechat/pay", body.to_string().as_bytes());
    assert_eq!(app.post_letter(&letter).await.status, 204);
}

async fn act(owner: &User, transaction: &str, word: &str) -> Answer {
    let request = owner.post(&format!("/admin/v1/suspense/{transaction}/{word}"));
    if word == "dismiss" {
        request.json(&json!({ "note": "另一个系统" })).send().await
    } else {
        request.send().await
    }
}

async fn inbox(owner: &User, query: &str) -> Vec<Value> {
    let page = owner.get(&format!("/admin/v1/suspense{query}")).send().await.expect(200);
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_inbox_shows_what_waits_and_where_it_came_from() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 50).await, app.buyer("ann").await, app.owner().await);
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(suspended(&app, &ann, &goods).await);
    }
    let first = owner.get("/admin/v1/suspense?limit=2").send().await.expect(200);
    let cursor = first["next"].as_str().unwrap();
    let second = owner.get(&format!("/admin/v1/suspense?limit=2&cursor={cursor}")).send().await.expect(200);
    let rows: Vec<_> = [&first, &second].iter().flat_map(|page| page["items"].as_array().unwrap().clone()).collect();
    let numbers: Vec<_> = rows.iter().map(|row| row["transaction_id"].as_str().unwrap()).collect();
    assert_eq!(numbers, all.iter().rev().map(|(_, number)| number.as_str()).collect::<Vec<_>>(), "the latest first");
    assert_eq!((&rows[0]["order_id"], &rows[0]["reason"]), (&all[2].0["id"], &json!("payer_differs")));
    assert_eq!((&rows[0]["total_fen"], &rows[0]["currency"]), (&json!(200), &json!("CNY")));
    mend(&app).await;
    act(&owner, &all[1].1, "retry").await.expect(200);
    assert_eq!((inbox(&owner, "").await.len(), inbox(&owner, "?show=open").await.len()), (2, 2));
    assert_eq!(inbox(&owner, "?show=all").await.len(), 3);
    owner.get("/admin/v1/suspense?show=some").send().await.expect_problem(422, "http.invalid");
    for (_, number) in &all {
        act(&owner, number, "retry").await;
    }
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_sent_back_whole_and_once_and_its_order_ends() {
    let app = TestApp::crowded().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let (order, number) = suspended(&app, &ann, &goods).await;
    app.advance(minutes(31));
    app.run_jobs().await;
    assert_eq!((ann.see(&order).await["state"].clone(), app.left(&goods).await), (json!("pending"), 3), "it waits");
    let owner = app.owner().await;
    let answers = join_all((0..6).map(|_| act(&owner, &number, "refund"))).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((done.len(), refused.len()), (1, 5));
    for answer in refused {
        assert_eq!(answer.expect_problem(409, "suspense.resolved")["state"], "refunded");
    }
    let row = done[0].body();
    assert_eq!((&row["resolution"], row["staff_id"].is_string()), (&json!("refunded"), true));
    // The order does not wait for the next hour, and the money leaves now.
    app.run_jobs().await;
    app.advance(minutes(1));
    app.run_jobs().await;
    let (seen, truth) = (ann.see(&order).await, app.simulator.ledger().refunds);
    assert_eq!((seen["state"].clone(), app.left(&goods).await), (json!("closed"), 5));
    assert_eq!((truth.len(), truth[0].refund_fen.0, truth[0].status), (1, 200, RefundStatus::Success));
    assert_eq!((&seen["refunds"][0]["cause"], &seen["refunds"][0]["state"]), (&json!("suspense"), &json!("succeeded")));
    assert_eq!(seen["payments"][0]["accepted"], false);
    // WeChat tells of it again: it is known.
    app.simulator.faults().change(|faults| faults.duplicate = 1);
    let callback = app.callback_of(&truth[0].out_trade_no);
    say(&app, &number, "again-1", "/trade_state", callback.resource["trade_state"].clone()).await;
    assert_eq!(inbox(&owner, "").await, [] as [Value; 0]);
    assert_eq!(app.number("SELECT COUNT(*) FROM audit WHERE action = 'suspense.refund'").await, 1);
    app.end().await;
}

#[tokio::test]
async fn a_buyer_whose_money_was_sent_back_may_pay_again_in_time() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, number) = suspended(&app, &ann, &goods).await;
    act(&owner, &number, "refund").await.expect(200);
    app.run_jobs().await;
    assert_eq!(ann.see(&order).await["state"], "pending");
    app.pay(&ann, &order).await;
    let seen = ann.see(&order).await;
    assert_eq!((&seen["state"], seen["payments"].as_array().unwrap().len()), (&json!("paid"), 2));
    app.advance(minutes(31));
    app.run_jobs().await;
    assert_eq!((ann.see(&order).await["state"].clone(), app.left(&goods).await), (json!("paid"), 3));
    app.end().await;
}

#[tokio::test]
async fn what_was_mended_is_put_to_its_order_when_judged_anew() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, number) = suspended(&app, &ann, &goods).await;
    let still = act(&owner, &number, "retry").await.expect(200);
    assert_eq!((&still["resolution"], &still["reason"]), (&Value::Null, &json!("payer_differs")));
    mend(&app).await;
    let row = act(&owner, &number, "retry").await.expect(200);
    assert_eq!(row["resolution"], "settled");
    assert_eq!((ann.see(&order).await["state"].clone(), app.left(&goods).await), (json!("paid"), 3));
    assert_eq!(act(&owner, &number, "refund").await.expect_problem(409, "suspense.resolved")["state"], "settled");
    // Without staff: as soon as WeChat is asked again by itself.
    let (order, number) = suspended(&app, &ann, &goods).await;
    mend(&app).await;
    ann.ask_payment(&order).await.expect(200);
    assert_eq!(ann.see(&order).await["state"], "paid");
    assert_eq!(act(&owner, &number, "retry").await.expect_problem(409, "suspense.resolved")["state"], "settled");
    assert_eq!(app.number("SELECT COUNT(*) FROM suspense WHERE staff_id IS NULL").await, 1, "the rules did it");
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn only_what_is_none_of_ours_is_dismissed_and_only_what_is_ours_is_sent_back() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, ours) = suspended(&app, &ann, &goods).await;
    // Another system under the same merchant sold something.
    say(&app, &ours, "other-1", "/out_trade_no", json!("4711-of-another-system")).await;
    assert_eq!(inbox(&owner, "").await.len(), 1, "one number of WeChat is one row");
    assert_eq!(inbox(&owner, "").await[0]["reason"], "order_unknown");
    act(&owner, &ours, "refund").await.expect_problem(409, "suspense.not_ours");
    act(&owner, &ours, "retry").await.expect_problem(409, "suspense.unconfirmed");
    let row = act(&owner, &ours, "dismiss").await.expect(200);
    assert_eq!((&row["resolution"], &row["note"]), (&json!("dismissed"), &json!("另一个系统")));
    say(&app, &ours, "other-2", "/out_trade_no", json!("4711-of-another-system")).await;
    assert_eq!(inbox(&owner, "").await, [] as [Value; 0], "what was dismissed stays so");
    // What WeChat confirms for an attempt of ours comes up again, and cannot be waved away.
    ann.ask_payment(&order).await.expect(200);
    let waiting = inbox(&owner, "").await;
    assert_eq!((waiting.len(), &waiting[0]["reason"], &waiting[0]["note"]), (1, &json!("payer_differs"), &Value::Null));
    act(&owner, &ours, "dismiss").await.expect_problem(409, "suspense.ours");
    for word in ["refund", "retry", "dismiss"] {
        act(&owner, "4200", word).await.expect_problem(404, "suspense.not_found");
        act(&ann, &ours, word).await.expect(401);
    }
    act(&owner, &ours, "refund").await.expect(200);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.advance(minutes(1));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn a_statement_that_wechat_does_not_stand_by_moves_no_money() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    app.simulator.faults().change(|faults| faults.drop = true);
    let paid = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &paid).await;
    app.simulator.pay(&number).unwrap();
    ann.ask_payment(&paid).await.expect(200);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    // WeChat says that the second order was paid, under a number of its own; asked, it knows nothing of it.
    let known = ann.see(&paid).await["payments"][0]["transaction_id"].as_str().unwrap().to_owned();
    let callbacks = app.simulator.callbacks();
    let callback = callbacks.iter().find(|callback| callback.resource["transaction_id"] == known).unwrap();
    let mut content = callback.resource.clone();
    content["out_trade_no"] = json!(number);
    content["transaction_id"] = json!("4200000000000000000000000009");
    content["amount"]["total"] = json!(7);
    let body = sealed_with(API_V3_KEY, "ghost-1", &callback.event_type, "transaction", &content);
    let letter = app.pen().sign(&app, "/callback/wechat/pay", body.to_string().as_bytes());
    assert_eq!(app.post_letter(&letter).await.status, 204);
    let ghost = "4200000000000000000000000009";
    for word in ["refund", "retry"] {
        act(&owner, ghost, word).await.expect_problem(409, "suspense.unconfirmed");
    }
    assert_eq!(act(&owner, ghost, "dismiss").await.expect(200)["resolution"], "dismissed");
    app.advance(minutes(31));
    app.run_jobs().await;
    assert_eq!(ann.see(&order).await["state"], "closed", "it ends like any other");
    assert_eq!(app.simulator.ledger().refunds.len(), 0);
    app.end().await;
}

#[tokio::test]
async fn known_money_that_is_told_with_other_figures_is_looked_at_and_stays_as_it_was() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    let before = ann.see(&order).await;
    let number = before["payments"][0]["transaction_id"].as_str().unwrap().to_owned();
    let cases: [(&str, Value); 5] = [
        ("/out_trade_no", json!("4711-never-asked-for")),
        ("/amount/total", json!(99)),
        ("/amount/currency", json!("USD")),
        ("/payer/openid", json!("oSomebodyElse")),
        ("/appid", json!(crate::support::app::APPS[1].0)),
    ];
    for (place, (pointer, value)) in cases.into_iter().enumerate() {
        for again in 0..2 {
            say(&app, &number, &format!("k-{place}-{again}"), pointer, value.clone()).await;
        }
        let rows = inbox(&owner, "").await;
        assert_eq!((rows.len(), &rows[0]["reason"]), (1, &json!("known_differs")), "{pointer}");
        assert_eq!(ann.see(&order).await, before, "{pointer}");
        act(&owner, &number, "refund").await.expect(409);
        if place % 2 == 0 {
            act(&owner, &number, "dismiss").await.expect(200);
        } else if pointer != "/out_trade_no" {
            assert_eq!(act(&owner, &number, "retry").await.expect(200)["resolution"], "settled", "{pointer}");
        }
        // The same again is known; the true one always was.
        say(&app, &number, &format!("k-{place}-2"), pointer, value).await;
        say(&app, &number, &format!("k-{place}-3"), "/trade_state", json!("SUCCESS")).await;
        assert_eq!(inbox(&owner, "").await.len(), 0, "{pointer}");
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM payments").await, 1);
    assert_eq!(ann.see(&order).await, before);
    app.advance(minutes(31));
    app.run_jobs().await;
    app.end().await;
}
