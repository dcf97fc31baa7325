//! Money that comes when it should not: after the order was closed, or a second time; and none at all.

use crate::{
    cli::chaos::{
        act::{MINUTE, PREPAY_PATH, close_path, refusal},
        books::Order,
        call::{list, text},
        scene::Scene,
        violation::Invariant,
    },
    model::time::minutes,
};
use serde_json::json;

/// Nobody pays: the timer closes on both sides.
pub(super) async fn unpaid(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    let number = scene.prepay(&order).await?;
    scene.world.pass(minutes(36)).await?;
    let state = scene.state(&order).await?;
    let subject = format!("order {}", order.id);
    scene.claim(state == "closed", Invariant::Alive, &subject, "closed when its time was over", &state);
    let paid = scene.pay(&number).await?;
    let seen = format!("{}", paid.status);
    scene.claim(!paid.is_good(), Invariant::Closed, &number, "WeChat takes no money for it", &seen);
    Ok(())
}

/// WeChat says it has closed, and lets the buyer pay all the same.
async fn pay_closed(scene: &mut Scene<'_>, order: &Order, number: &str) -> anyhow::Result<()> {
    let state = scene.state(order).await?;
    anyhow::ensure!(state == "closed", "order {} is {state} after WeChat said that it is closed", order.id);
    scene.world.faults(&json!({})).await?;
    scene.pay(number).await?.good()?;
    settled(scene, order).await
}

/// Late money goes back whole, or the shop's policy brought the order back to life with stock that was there.
async fn settled(scene: &mut Scene<'_>, order: &Order) -> anyhow::Result<()> {
    let look = async || {
        let seen = scene.see(order).await?;
        let revived = list(&seen, "/history").iter().any(|step| step["step"] == "revive");
        let refunds = list(&seen, "/refunds");
        let back =
            refunds.iter().any(|refund| refund["state"] == "succeeded" && refund["amount_fen"] == order.total_fen);
        Ok((revived || back).then_some(()))
    };
    let settled = scene.world.until(minutes(5), look).await?.is_some();
    let seen = scene.see(order).await?;
    let told = format!("the order is {}, its refunds {}", text(&seen, "/state"), seen["refunds"]);
    let expected = "the whole amount back within minutes";
    scene.claim(settled, Invariant::Closed, &format!("order {}", order.id), expected, &told);
    Ok(())
}

pub(super) async fn cancelled(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    let number = scene.prepay(&order).await?;
    let rule = refusal("POST", &close_path(&number), 1, 400, "ORDER_CLOSED");
    scene.world.faults(&json!({ "fail": [rule] })).await?;
    scene.cancel(&order).await?.good()?;
    pay_closed(scene, &order, &number).await
}

/// Two attempts that WeChat both lets be paid.
pub(super) async fn twice(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    let loss = json!({ "path": PREPAY_PATH, "method": "POST", "count": 1 });
    scene.world.faults(&json!({ "reply_lost": [loss] })).await?;
    drop(scene.begin(&order).await?);
    let there = scene.there(&order).await?;
    let Some(first) = there.first().map(|payment| text(payment, "/out_trade_no").to_owned()) else {
        anyhow::bail!("WeChat has no order of a prepay whose reply was lost");
    };
    // WeChat will not have this number any more, and says that it is closed, which it is not.
    let used = refusal("POST", PREPAY_PATH, 1, 403, "OUT_TRADE_NO_USED");
    let closed = refusal("POST", &close_path(&first), 1, 400, "ORDER_CLOSED");
    scene.world.faults(&json!({ "fail": [used, closed] })).await?;
    let second = scene.prepay(&order).await?;
    scene.world.faults(&json!({})).await?;
    scene.pay(&second).await?.good()?;
    scene.found(&order, MINUTE, Invariant::Found, "paid by the second attempt").await?;
    if first != second {
        scene.pay(&first).await?.good()?;
        settled(scene, &order).await?;
    }
    let seen = scene.see(&order).await?;
    let accepted = list(&seen, "/payments").iter().filter(|payment| payment["accepted"] == true).count();
    let told = format!("{accepted} accepted");
    scene.claim(accepted == 1, Invariant::Paid, &format!("order {}", order.id), "one accepted payment", &told);
    Ok(())
}
