//! What staff do about differences: one click asks WeChat anew and goes the way of all money, with a row in the audit.

use super::{
    DAY, catch_up, end, late_money, morning_after, open, owner, run, settle, shop, start_refund, tricks, until,
};
use crate::support::{
    app::TestApp,
    client::User,
    rows::changed,
    shop::{failing, id},
};
use serde_json::{Value, json};
use weizhan::{
    model::{
        money::Fen,
        staff::Permission,
        time::{days, minutes},
    },
    simulator::BillTrick,
};

async fn differences(owner: &User, query: &str) -> Vec<Value> {
    let page = owner.get(&format!("/admin/v1/differences?{query}")).send().await.expect(200);
    page["items"].as_array().expect("items").clone()
}

/// The one open difference.
async fn only(owner: &User) -> Value {
    let open = differences(owner, "state=open").await;
    assert_eq!(open.len(), 1, "{open:?}");
    open[0].clone()
}

async fn repair(owner: &User, difference: &Value) -> crate::support::client::Answer {
    owner.post(&format!("/admin/v1/differences/{}/repair", id(difference))).send().await
}

/// An order that is paid when nobody asks any more, and nobody tells.
async fn lost_money(app: &TestApp) -> (Value, String) {
    let (goods, ann) = (app.goods(1_000, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    until(app, app.app.now().plus(minutes(40))).await;
    app.simulator.pay(&number).expect("paid");
    settle(app).await;
    assert_eq!(ann.see(&order).await["state"], "pending");
    (order, number)
}

#[tokio::test]
async fn a_lost_payment_is_found_by_the_bill_and_one_click_pays_the_order() {
    let app = shop().await;
    let (order, number) = lost_money(&app).await;
    until(&app, morning_after(DAY)).await;
    catch_up(&app).await;
    let owner = owner(&app).await;
    let days = owner.get("/admin/v1/reconciliations").send().await.expect(200);
    assert_eq!((&days["items"][0]["day"], &days["items"][0]["open_differences"]), (&json!("2026-11-23"), &json!(1)));
    let found = only(&owner).await;
    assert_eq!(
        (&found["kind"], &found["own_no"], &found["bill_fen"]),
        (&json!("payment_missing_here"), &json!(number), &json!(1_000))
    );
    assert_eq!(
        (&found["order_id"], &found["own_state"], &found["repairable"]),
        (&order["id"], &json!("pending"), &json!(true))
    );
    // While WeChat is away nothing is believed.
    failing(&app, "GET", super::CLOSE, 1, 500, "SYSTEM_ERROR");
    repair(&owner, &found).await.expect_problem(503, "wechat.busy");
    let mended = repair(&owner, &found).await.expect(200);
    assert_eq!((&mended["state"], &mended["note"]), (&json!("repaired"), &json!("accepted")));
    let seen = owner.get(&format!("/admin/v1/orders/{}", id(&order))).send().await.expect(200);
    assert_eq!((&seen["state"], &seen["payments"][0]["source"]), (&json!("paid"), &json!("bill")));
    let again = repair(&owner, &found).await.expect_problem(409, "difference.state_forbids");
    assert_eq!(again["state"], "repaired");
    let audit = format!(
        "SELECT COUNT(*) FROM audit WHERE action = 'difference.repair' AND target = 'difference:{}'",
        id(&found)
    );
    assert_eq!(app.number(&audit).await, 1);
    run(&app, DAY).await;
    assert_eq!((open(&app, DAY).await, differences(&owner, "state=repaired").await.len()), (vec![], 1));
    end(app).await;
}

#[tokio::test]
async fn money_of_a_closed_order_that_nobody_told_of_goes_back() {
    let app = shop().await;
    let (goods, ann) = (app.goods(1_000, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    late_money(&app, &ann, &goods).await;
    until(&app, morning_after(DAY)).await;
    run(&app, DAY).await;
    let owner = owner(&app).await;
    let found = only(&owner).await;
    assert_eq!((&found["kind"], &found["own_state"]), (&json!("payment_state_differs"), &json!("closed")));
    repair(&owner, &found).await.expect(200);
    run(&app, DAY).await;
    assert_eq!(open(&app, DAY).await, []);
    until(&app, app.app.now().plus(minutes(2))).await;
    assert_eq!(app.number("SELECT COUNT(*) FROM payments WHERE source = 'bill'").await, 1);
    end(app).await;
}

#[tokio::test]
async fn money_under_a_number_that_is_not_ours_is_put_before_staff_once() {
    let app = shop().await;
    let (order, number) = lost_money(&app).await;
    // As if another system of the same merchant had asked for it.
    app.spoil(&format!("UPDATE prepays SET out_trade_no = 'X' WHERE out_trade_no = '{number}'")).await;
    until(&app, morning_after(DAY)).await;
    run(&app, DAY).await;
    let owner = owner(&app).await;
    let found = only(&owner).await;
    assert_eq!((&found["kind"], &found["order_id"]), (&json!("payment_foreign"), &Value::Null));
    assert_eq!(repair(&owner, &found).await.expect(200)["note"], "suspended");
    assert_eq!(app.number("SELECT COUNT(*) FROM suspense WHERE resolved = FALSE").await, 1);
    run(&app, DAY).await;
    assert_eq!((open(&app, DAY).await, app.number("SELECT COUNT(*) FROM payments").await), (vec![], 0));
    let seen = owner.get(&format!("/admin/v1/orders/{}", id(&order))).send().await.expect(200);
    assert_eq!(seen["state"], "pending");
    end(app).await;
}

#[tokio::test]
async fn a_refund_that_nobody_followed_is_learned() {
    let app = shop().await;
    let (goods, ann, staff) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    app.simulator.faults().change(|faults| faults.drop = true);
    start_refund(&staff, &order, 300).await;
    app.run_jobs().await;
    app.spoil("UPDATE jobs SET state = 'done' WHERE kind = 'poll_refund'").await;
    until(&app, morning_after(DAY)).await;
    run(&app, DAY).await;
    let owner = owner(&app).await;
    let found = only(&owner).await;
    assert_eq!(
        (&found["kind"], &found["bill_state"], &found["own_state"]),
        (&json!("refund_state_differs"), &json!("SUCCESS"), &json!("processing"))
    );
    assert_eq!(repair(&owner, &found).await.expect(200)["note"], "succeeded");
    let seen = owner.get(&format!("/admin/v1/orders/{}", id(&order))).send().await.expect(200);
    assert_eq!(seen["refunded_fen"], 300);
    end(app).await;
}

#[tokio::test]
async fn what_wechat_does_not_confirm_is_not_repaired() {
    let app = shop().await;
    let (goods, ann, staff) = (app.goods(1_000, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, number) = app.paid_order(&ann, &goods, 1).await;
    start_refund(&staff, &order, 300).await;
    until(&app, morning_after(DAY)).await;
    let out_refund_no = app.simulator.ledger().refunds[0].out_refund_no.clone();
    let owner = owner(&app).await;
    let foreign = BillTrick::AddPayment {
        out_trade_no: "OTHER-1".to_owned(),
        transaction_id: "4200".to_owned(),
        total_fen: Fen(5),
        at_ms: DAY.start(),
    };
    let failed = BillTrick::RefundState { out_refund_no, state: "FAIL".to_owned() };
    let dropped = BillTrick::DropPayment { out_trade_no: number.clone() };
    let revoked = BillTrick::PaymentState { out_trade_no: number, state: "REVOKED".to_owned() };
    for (trick, code) in [
        (foreign, "difference.not_confirmed"),
        (failed, "difference.remains"),
        (dropped, "difference.not_repairable"),
        (revoked, "difference.remains"),
    ] {
        tricks(&app, vec![trick]);
        run(&app, DAY).await;
        let before = app.rows().dump().await;
        repair(&owner, &only(&owner).await).await.expect_problem(409, code);
        let mut changed = changed(&before, &app.rows().dump().await);
        // That WeChat was asked is kept, and nothing else.
        changed.retain(|table| table != "wechat_calls");
        assert_eq!(changed, Vec::<String>::new(), "{code}");
    }
    end(app).await;
}

#[tokio::test]
async fn what_staff_dismiss_stays_dismissed_and_what_is_back_is_open_again() {
    let app = shop().await;
    let (goods, ann) = (app.goods(1_000, 5).await, app.buyer("ann").await);
    app.paid_order(&ann, &goods, 1).await;
    until(&app, morning_after(DAY)).await;
    let foreign = |number: &str| BillTrick::AddPayment {
        out_trade_no: format!("OTHER-{number}"),
        transaction_id: format!("42{number}"),
        total_fen: Fen(5),
        at_ms: DAY.start(),
    };
    tricks(&app, vec![foreign("1"), foreign("2")]);
    let owner = owner(&app).await;
    let path = "/admin/v1/reconciliations/2026-11-23/run";
    assert_eq!(owner.post(path).send().await.expect(200)["open_differences"], 2);
    let first = differences(&owner, "day=2026-11-23&kind=payment_foreign&limit=1").await;
    let dismiss = format!("/admin/v1/differences/{}/dismiss", id(&first[0]));
    owner.post(&dismiss).json(&json!({ "note": "" })).send().await.expect_problem(422, "http.invalid");
    let gone = owner.post(&dismiss).json(&json!({ "note": "别的系统" })).send().await.expect(200);
    assert_eq!((&gone["state"], &gone["note"]), (&json!("dismissed"), &json!("别的系统")));
    owner.post(&dismiss).json(&json!({ "note": "x" })).send().await.expect_problem(409, "difference.state_forbids");
    for (tricked, left) in [(vec![], 0), (vec![foreign("1"), foreign("2")], 1)] {
        tricks(&app, tricked);
        assert_eq!(owner.post(path).send().await.expect(200)["open_differences"], left);
    }
    assert_eq!(differences(&owner, "state=dismissed").await.len(), 1);
    assert_eq!(differences(&owner, "day=2026-11-22").await.len(), 0);
    let acts = "SELECT COUNT(*) FROM audit WHERE action IN ('difference.dismiss', 'reconciliation.run')";
    assert_eq!(app.number(acts).await, 4);
    end(app).await;
}

#[tokio::test]
async fn only_days_of_which_wechat_has_bills_are_compared() {
    let app = shop().await;
    let owner = app.staff(&[Permission::BillReconcile]).await;
    for (day, code) in [
        ("2026-11-23", "reconciliation.day_invalid"),
        ("2026-11-24", "reconciliation.day_invalid"),
        ("2026-08-24", "reconciliation.day_invalid"),
    ] {
        owner.post(&format!("/admin/v1/reconciliations/{day}/run")).send().await.expect_problem(422, code);
    }
    for day in ["2026-11-31", "20261122", "yesterday"] {
        owner.post(&format!("/admin/v1/reconciliations/{day}/run")).send().await.expect_problem(404, "http.not_found");
    }
    let done = owner.post("/admin/v1/reconciliations/2026-08-25/run").send().await.expect(200);
    assert_eq!((&done["state"], &done["payments"], &done["alarm"]), (&json!("done"), &json!(0), &json!(false)));
    app.advance(days(0));
    end(app).await;
}
