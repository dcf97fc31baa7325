//! Amounts that binary fractions cannot hold, and refunds that end otherwise than well.

use super::notice::good;
use crate::cli::chaos::{
    act::{MINUTE, REFUND_PATH, new_key, refusal},
    call::{list, number, text},
    scene::Scene,
    violation::Invariant,
};
use serde_json::json;
use std::time::Duration;

/// Each is asked for and paid to the fen: [`Scene::prepay`] and the books compare.
pub(super) async fn odd_amounts(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    for price_fen in [1990, 29, 115, 57, 201] {
        let order = scene.order(price_fen).await?;
        let number = scene.prepay(&order).await?;
        scene.pay(&number).await?.good()?;
        scene.found(&order, MINUTE, Invariant::Found, "paid").await?;
    }
    Ok(())
}

/// Parts that make the whole.
pub(super) async fn partial(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, _) = scene.paid(1990).await?;
    let (mut left, mut parts) = (1990, vec![29, 115, 57]);
    parts.push(1 + i64::try_from(scene.dice.below(500))?);
    parts.push(left - parts.iter().sum::<i64>());
    for part in parts {
        let refund = scene.refund(&order, part, &new_key()).await?.good()?;
        let (name, asked) = (text(&refund, "/out_refund_no").to_owned(), number(&refund, "/amount_fen"));
        scene.claim(asked == part, Invariant::Amount, &name, &format!("{part} fen"), &format!("{asked} fen"));
        scene.refund_ends(&order, &name, "succeeded").await?;
        left -= part;
        let seen = scene.see(&order).await?;
        let (back, state) = (number(&seen, "/refunded_fen"), text(&seen, "/state"));
        let right = back == 1990 - left && (state == "refunded") == (left == 0);
        let told = format!("{back} fen and the order {state}");
        let expected = format!("{} fen back, {left} left", 1990 - left);
        scene.claim(right, Invariant::Amount, &format!("order {}", order.id), &expected, &told);
    }
    let more = scene.refund(&order, 1, &new_key()).await?;
    let told = format!("{} {}", more.status, more.body);
    scene.claim(!more.is_good(), Invariant::Refund, &format!("order {}", order.id), "not one fen more", &told);
    Ok(())
}

pub(super) async fn callback_lost(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, _) = scene.paid(1990).await?;
    scene.world.faults(&json!({ "drop": true })).await?;
    let refund = scene.refund(&order, 1990, &new_key()).await?.good()?;
    scene.refund_ends(&order, text(&refund, "/out_refund_no"), "succeeded").await
}

pub(super) async fn duplicated(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, _) = scene.paid(1990).await?;
    scene.world.faults(&json!({ "drop": true })).await?;
    let refund = scene.refund(&order, 629, &new_key()).await?.good()?;
    let name = text(&refund, "/out_refund_no");
    let callback = scene.callback(name).await?;
    let statuses = scene.deliver(&callback, "duplicate?count=15").await?;
    let one = statuses.iter().any(|status| good(&[*status]));
    scene.claim(one, Invariant::Alive, name, "one of 15 is answered 2xx", &format!("{statuses:?}"));
    scene.refund_ends(&order, name, "succeeded").await
}

/// While WeChat cannot be asked how the refund stands, a forgery must not end it.
pub(super) async fn forged(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, _) = scene.paid(1990).await?;
    scene.world.faults(&json!({ "drop": true })).await?;
    let refund = scene.refund(&order, 629, &new_key()).await?.good()?;
    let name = text(&refund, "/out_refund_no").to_owned();
    // It has left for WeChat as soon as WeChat has it; from then on nobody can ask.
    let sent = async || {
        let truth = scene.world.truth().await?;
        Ok(list(&truth, "/refunds").iter().any(|known| text(known, "/out_refund_no") == name).then_some(()))
    };
    scene.world.until(MINUTE, sent).await?;
    let rule = refusal("GET", REFUND_PATH, 1_000_000, 503, "SYSTEM_ERROR");
    scene.world.faults(&json!({ "drop": true, "fail": [rule] })).await?;
    let callback = scene.callback(&name).await?;
    for trick in ["foreign_key", "tampered", "stale", "unsigned"] {
        scene.deliver(&callback, &format!("forge?trick={trick}")).await?;
    }
    scene.world.pass(Duration::from_secs(3)).await?;
    let seen = scene.see(&order).await?;
    let back = number(&seen, "/refunded_fen");
    scene.claim(back == 0, Invariant::Forged, &name, "not ended by forged callbacks", &format!("{back} fen refunded"));
    let statuses = scene.deliver(&callback, "resend").await?;
    scene.claim(good(&statuses), Invariant::Alive, &name, "2xx for the genuine callback", &format!("{statuses:?}"));
    scene.refund_ends(&order, &name, "succeeded").await
}

/// The money is neither with the buyer nor counted as if it were.
pub(super) async fn abnormal(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, _) = scene.paid(1990).await?;
    scene.world.faults(&json!({ "refund_result": "ABNORMAL" })).await?;
    let refund = scene.refund(&order, 1990, &new_key()).await?.good()?;
    scene.refund_ends(&order, text(&refund, "/out_refund_no"), "abnormal").await?;
    uncounted(scene, &order).await
}

async fn uncounted(scene: &mut Scene<'_>, order: &crate::cli::chaos::books::Order) -> anyhow::Result<()> {
    let seen = scene.see(order).await?;
    let (back, state) = (number(&seen, "/refunded_fen"), text(&seen, "/state"));
    let right = back == 0 && state == "paid";
    let told = format!("{back} fen counted as refunded, the order {state}");
    scene.claim(right, Invariant::Refund, &format!("order {}", order.id), "paid, and nothing went back", &told);
    Ok(())
}

/// A refund that WeChat closed gave nothing back, so the amount can be refunded again under another number.
pub(super) async fn closed(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, _) = scene.paid(1990).await?;
    scene.world.faults(&json!({ "refund_result": "CLOSED" })).await?;
    let refund = scene.refund(&order, 1990, &new_key()).await?.good()?;
    scene.refund_ends(&order, text(&refund, "/out_refund_no"), "closed").await?;
    uncounted(scene, &order).await?;
    scene.world.faults(&json!({})).await?;
    let again = scene.refund(&order, 1990, &new_key()).await?;
    let told = format!("{} {}", again.status, again.body);
    scene.claim(again.is_good(), Invariant::Refund, &format!("order {}", order.id), "another refund is taken", &told);
    if again.is_good() {
        scene.refund_ends(&order, text(&again.body, "/out_refund_no"), "succeeded").await?;
    }
    Ok(())
}
