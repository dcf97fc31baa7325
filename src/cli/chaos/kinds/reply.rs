//! Replies of WeChat that are lost, refusing, unsigned, wrongly signed or slow.

use crate::{
    cli::chaos::{
        act::{MINUTE, PREPAY_PATH, REFUND_PATH, close_path, new_key, query_path, refusal},
        books::Order,
        call::{list, text},
        scene::Scene,
        violation::Invariant,
    },
    model::time::minutes,
};
use serde_json::{Value, json};
use std::time::Duration;

/// The refusals that mean "again later".
const LATER: [(u16, &str); 3] = [(500, "SYSTEM_ERROR"), (429, "FREQUENCY_LIMITED"), (202, "ACCEPTED")];

/// Each of them once.
fn later(method: &str, path: &str) -> Vec<Value> {
    LATER.iter().map(|(status, code)| refusal(method, path, 1, *status, code)).collect()
}

pub(super) async fn prepay_lost(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    let loss = json!({ "path": PREPAY_PATH, "method": "POST", "count": 1 });
    scene.world.faults(&json!({ "reply_lost": [loss] })).await?;
    drop(scene.begin(&order).await?);
    let number = scene.prepay(&order).await?;
    scene.pay(&number).await?.good()?;
    scene.found(&order, MINUTE, Invariant::Found, "paid at the second try").await?;
    let open = scene.there(&order).await?.iter().filter(|payment| payment["state"] == "NOTPAY").count();
    let seen = format!("{open} more can be paid");
    scene.claim(open == 0, Invariant::Idempotent, &format!("order {}", order.id), "one attempt at WeChat", &seen);
    Ok(())
}

pub(super) async fn prepay_refused(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    for rule in later("POST", PREPAY_PATH) {
        let status = rule["status"].clone();
        scene.world.faults(&json!({ "fail": [rule] })).await?;
        let answer = scene.begin(&order).await?;
        let seen = format!("{} {}", answer.status, answer.body);
        let expected = format!("no cashier after WeChat said {status}");
        scene.claim(!answer.is_good(), Invariant::Alive, &format!("order {}", order.id), &expected, &seen);
    }
    scene.world.faults(&json!({})).await?;
    let number = scene.prepay(&order).await?;
    scene.pay(&number).await?.good()?;
    scene.found(&order, MINUTE, Invariant::Found, "paid after the refusals").await.map(drop)
}

pub(super) async fn query_refused(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    let number = scene.prepay(&order).await?;
    scene.world.faults(&json!({ "drop": true, "fail": later("GET", &query_path(&number)) })).await?;
    scene.pay(&number).await?.good()?;
    scene.found(&order, MINUTE, Invariant::Found, "paid within a minute, though three queries failed").await.map(drop)
}

/// While WeChat does not close, nothing is released.
pub(super) async fn close_refused(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    let number = scene.prepay(&order).await?;
    for rule in later("POST", &close_path(&number)) {
        let status = rule["status"].clone();
        scene.world.faults(&json!({ "fail": [rule] })).await?;
        drop(scene.cancel(&order).await?);
        still_open(scene, &order, &number, &format!("WeChat answered the close with {status}")).await?;
    }
    scene.world.faults(&json!({})).await?;
    // Refused when the shop gave the goods away although WeChat still takes the money: that was said above.
    if scene.state(&order).await? == "pending" {
        scene.pay(&number).await?.good()?;
        scene.found(&order, MINUTE, Invariant::Found, "paid, since it was never closed").await?;
    }
    let other = scene.order(1990).await?;
    let number = scene.prepay(&other).await?;
    scene.world.faults(&json!({ "fail": later("POST", &close_path(&number)) })).await?;
    drop(scene.cancel(&other).await?);
    scene.world.faults(&json!({})).await?;
    cancelled(scene, &other).await
}

async fn still_open(scene: &mut Scene<'_>, order: &Order, number: &str, why: &str) -> anyhow::Result<()> {
    let state = scene.state(order).await?;
    let there = scene.there(order).await?;
    let payable = there.iter().any(|payment| text(payment, "/out_trade_no") == number && payment["state"] == "NOTPAY");
    let subject = format!("order {}, out_trade_no {number}", order.id);
    let seen = format!("the order is {state} while WeChat still takes the money");
    let expected = format!("not closed here before WeChat has closed ({why})");
    scene.claim(!payable || state != "closed", Invariant::Closed, &subject, &expected, &seen);
    Ok(())
}

/// A cancel that nothing disturbs closes on both sides.
async fn cancelled(scene: &mut Scene<'_>, order: &Order) -> anyhow::Result<()> {
    let answer = scene.cancel(order).await?;
    let state = scene.state(order).await?;
    let seen = format!("{} and the order is {state}", answer.status);
    let subject = format!("order {}", order.id);
    scene.claim(answer.is_good() && state == "closed", Invariant::Alive, &subject, "closed at the next try", &seen);
    Ok(())
}

pub(super) async fn close_lost(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    let number = scene.prepay(&order).await?;
    let loss = json!({ "path": close_path(&number), "method": "POST", "count": 1 });
    scene.world.faults(&json!({ "reply_lost": [loss] })).await?;
    drop(scene.cancel(&order).await?);
    scene.world.faults(&json!({})).await?;
    cancelled(scene, &order).await
}

/// A refund of a paid order while these faults are in force until it has been tried; then it must end well, once.
async fn refund_through(scene: &mut Scene<'_>, faults: Value, heal: bool) -> anyhow::Result<()> {
    let (order, number) = scene.paid(1990).await?;
    scene.world.faults(&faults).await?;
    let refund = scene.refund(&order, 629, &new_key()).await?.good()?;
    if heal {
        scene.world.pass(Duration::from_secs(5)).await?;
        scene.world.faults(&json!({})).await?;
    }
    let name = text(&refund, "/out_refund_no").to_owned();
    scene.refund_ends(&order, &name, "succeeded").await?;
    // A second number would be taken by WeChat a minute after the first.
    scene.world.pass(minutes(2)).await?;
    let truth = scene.world.truth().await?;
    let of = |refund: &&Value| text(refund, "/out_trade_no") == number;
    let names: Vec<_> =
        list(&truth, "/refunds").iter().filter(of).map(|refund| text(refund, "/out_refund_no")).collect();
    let expected = format!("one refund at WeChat, {name}");
    let seen = if let [one] = names[..] { one.to_owned() } else { format!("{} refunds", names.len()) };
    let subject = format!("order {}, out_trade_no {number}", order.id);
    scene.claim(names == [name.as_str()], Invariant::Refund, &subject, &expected, &seen);
    Ok(())
}

pub(super) async fn refund_lost(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let loss = json!({ "path": REFUND_PATH, "method": "POST", "count": 2 });
    // No callback tells either what became of it.
    refund_through(scene, json!({ "reply_lost": [loss], "drop": true }), false).await
}

pub(super) async fn refund_refused(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let rules = later("POST", REFUND_PATH);
    refund_through(scene, json!({ "fail": rules, "drop": true }), false).await
}

pub(super) async fn not_enough(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    refund_through(scene, json!({ "not_enough": true }), true).await
}

/// A probing signature is refused, and the call repeated.
pub(super) async fn probed(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let probes = json!({ "probe_replies": 1, "drop": true });
    scene.world.faults(&probes).await?;
    let order = scene.order(1990).await?;
    let number = scene.prepay(&order).await?;
    scene.pay(&number).await?.good()?;
    scene.world.faults(&probes).await?;
    scene.found(&order, MINUTE, Invariant::Found, "paid, though a reply to the query was a probe").await?;
    let other = scene.order(1990).await?;
    scene.prepay(&other).await?;
    scene.world.faults(&probes).await?;
    cancelled(scene, &other).await
}

/// Nothing that is not signed is believed: no prepay id, no payment.
pub(super) async fn unsigned(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    let subject = format!("order {}", order.id);
    let silent = json!({ "unsigned_replies": true, "drop": true });
    scene.world.faults(&silent).await?;
    let answer = scene.begin(&order).await?;
    let expected = "no cashier by a reply that nobody signed";
    scene.claim(!answer.is_good(), Invariant::Forged, &subject, expected, &answer.status.to_string());
    scene.world.faults(&json!({ "drop": true })).await?;
    let number = scene.prepay(&order).await?;
    scene.pay(&number).await?.good()?;
    scene.world.faults(&silent).await?;
    drop(scene.ask(&order).await?);
    let state = scene.state(&order).await?;
    scene.claim(state == "pending", Invariant::Forged, &subject, "not paid by a reply that nobody signed", &state);
    scene.world.faults(&json!({ "drop": true })).await?;
    scene.found(&order, MINUTE, Invariant::Found, "paid as soon as replies are signed again").await.map(drop)
}

pub(super) async fn slow(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.world.faults(&json!({ "slow_ms": 333 })).await?;
    let (order, _) = scene.paid(1990).await?;
    let refund = scene.refund(&order, 629, &new_key()).await?.good()?;
    scene.refund_ends(&order, text(&refund, "/out_refund_no"), "succeeded").await
}
