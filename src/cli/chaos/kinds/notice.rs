//! Callbacks that are lost, repeated, late, out of order, alone, or written and signed otherwise.

use crate::{
    cli::chaos::{
        act::{MINUTE, PREPAY_PATH, new_key, query_path, refusal},
        call::{list, text},
        scene::Scene,
        violation::Invariant,
    },
    model::time::minutes,
};
use serde_json::json;

/// WeChat never calls.
pub(super) async fn lost(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.world.faults(&json!({ "drop": true })).await?;
    let order = scene.order(1990).await?;
    let number = scene.prepay(&order).await?;
    scene.pay(&number).await?.good()?;
    scene.found(&order, MINUTE, Invariant::Found, "paid within a minute, found by a query").await.map(drop)
}

/// Fifteen at once.
pub(super) async fn duplicated(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, callback, number) = alone_at_first(scene, 1990).await?;
    let statuses = scene.deliver(&callback, "duplicate?count=15").await?;
    let one_good = statuses.iter().any(|status| (200..300).contains(status));
    scene.claim(one_good, Invariant::Alive, &number, "one of 15 is answered 2xx", &format!("{statuses:?}"));
    scene.found(&order, MINUTE, Invariant::Durable, "paid by the callback that was acknowledged").await?;
    let again = scene.deliver(&callback, "resend").await?;
    scene.claim(good(&again), Invariant::Alive, &number, "2xx for a repetition", &format!("{again:?}"));
    Ok(())
}

/// An order whose payment only callbacks can tell; gives its callback and its `out_trade_no`.
pub(super) async fn alone_at_first(
    scene: &mut Scene<'_>,
    price_fen: i64,
) -> anyhow::Result<(crate::cli::chaos::books::Order, String, String)> {
    let order = scene.order(price_fen).await?;
    let number = scene.prepay(&order).await?;
    scene.only_callbacks(&number).await?;
    scene.pay(&number).await?.good()?;
    let callback = scene.callback(&number).await?;
    Ok((order, callback, number))
}

/// Whether all are 2xx.
pub(super) fn good(statuses: &[i64]) -> bool {
    !statuses.is_empty() && statuses.iter().all(|status| (200..300).contains(status))
}

/// Late by more than the time to pay, and WeChat cannot be asked meanwhile.
pub(super) async fn delayed(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    let number = scene.prepay(&order).await?;
    let rule = refusal("GET", &query_path(&number), 1_000_000, 503, "SYSTEM_ERROR");
    scene.world.faults(&json!({ "delay_ms": 45 * 60_000, "fail": [rule] })).await?;
    scene.pay(&number).await?.good()?;
    scene.world.pass(minutes(35)).await?;
    let state = scene.state(&order).await?;
    let expected = "open while nobody knows whether it was paid";
    scene.claim(state != "closed", Invariant::Closed, &format!("order {}", order.id), expected, &state);
    scene.world.faults(&json!({})).await?;
    scene.found(&order, minutes(16), Invariant::Found, "paid, found when its time was over").await.map(drop)
}

/// The refund's first.
pub(super) async fn reordered(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.world.faults(&json!({ "drop": true })).await?;
    let order = scene.order(1990).await?;
    let number = scene.prepay(&order).await?;
    scene.pay(&number).await?.good()?;
    scene.ask(&order).await?.good()?;
    if !scene.found(&order, MINUTE, Invariant::Found, "paid when the buyer says so and WeChat agrees").await? {
        return Ok(());
    }
    let refund = scene.refund(&order, 1990, &new_key()).await?.good()?;
    let refund_callback = scene.callback(text(&refund, "/out_refund_no")).await?;
    scene.deliver(&refund_callback, "resend").await?;
    scene.refund_ends(&order, text(&refund, "/out_refund_no"), "succeeded").await?;
    let payment_callback = scene.callback(&number).await?;
    let statuses = scene.deliver(&payment_callback, "resend").await?;
    scene.claim(good(&statuses), Invariant::Alive, &number, "2xx for a late callback", &format!("{statuses:?}"));
    scene.world.pass(std::time::Duration::from_secs(2)).await?;
    let state = scene.state(&order).await?;
    let subject = format!("order {}", order.id);
    scene.claim(state == "refunded", Invariant::History, &subject, "it stays refunded", &state);
    Ok(())
}

/// WeChat has the order, the shop does not know, and the buyer pays.
pub(super) async fn before_reply(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    let loss = json!({ "path": PREPAY_PATH, "method": "POST", "count": 1 });
    scene.world.faults(&json!({ "reply_lost": [loss] })).await?;
    drop(scene.begin(&order).await?);
    let there = scene.there(&order).await?;
    let Some(attempt) = there.first() else {
        anyhow::bail!("WeChat has no order of a prepay whose reply was lost");
    };
    scene.pay(text(attempt, "/out_trade_no")).await?.good()?;
    scene.found(&order, MINUTE, Invariant::Found, "paid, though the shop never saw the prepay id").await.map(drop)
}

/// Nothing but the callback.
pub(super) async fn alone(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, callback, number) = alone_at_first(scene, 1990).await?;
    let statuses = scene.deliver(&callback, "resend").await?;
    scene.claim(good(&statuses), Invariant::Alive, &number, "2xx for a genuine callback", &format!("{statuses:?}"));
    if good(&statuses) {
        scene.found(&order, MINUTE, Invariant::Durable, "paid by the callback that was acknowledged").await?;
    }
    Ok(())
}

/// Everything that can tell tells at once.
pub(super) async fn and_query(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.world.faults(&json!({ "drop": true })).await?;
    let order = scene.order(1990).await?;
    let number = scene.prepay(&order).await?;
    scene.pay(&number).await?.good()?;
    let callback = scene.callback(&number).await?;
    let asks = futures_util::future::join_all((0..5).map(|_| scene.ask(&order)));
    let (delivered, asked, turned) =
        tokio::join!(scene.deliver(&callback, "duplicate?count=15"), asks, scene.world.turn());
    turned?;
    delivered?;
    drop(asked);
    scene.found(&order, MINUTE, Invariant::Found, "paid").await?;
    let seen = scene.see(&order).await?;
    let count = list(&seen, "/payments").len();
    scene.claim(count == 1, Invariant::Once, &format!("order {}", order.id), "one payment", &format!("{count}"));
    Ok(())
}

/// The signature is over the bytes.
pub(super) async fn reformatted(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, callback, number) = alone_at_first(scene, 1990).await?;
    let statuses = scene.deliver(&callback, "forge?trick=reformatted").await?;
    let expected = "2xx for a genuine callback, however its JSON is written";
    scene.claim(good(&statuses), Invariant::Alive, &number, expected, &format!("{statuses:?}"));
    if good(&statuses) {
        scene.found(&order, MINUTE, Invariant::Durable, "paid by it").await?;
    }
    Ok(())
}

/// Both key modes in turns, as while a merchant is moved from one to the other.
pub(super) async fn keys_mixed(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    for key in ["certificate", "public_key", "certificate"] {
        let (order, callback, number) = alone_at_first(scene, 1990).await?;
        let rule = refusal("GET", &query_path(&number), 1_000_000, 503, "SYSTEM_ERROR");
        scene.world.faults(&json!({ "callback_key": key, "drop": true, "fail": [rule] })).await?;
        let statuses = scene.deliver(&callback, "resend").await?;
        let expected = format!("2xx for a callback signed with the {key}");
        scene.claim(good(&statuses), Invariant::Alive, &number, &expected, &format!("{statuses:?}"));
        scene.found(&order, MINUTE, Invariant::Durable, "paid by it").await?;
    }
    Ok(())
}

/// The seal of before still opens; another one does not.
pub(super) async fn old_key(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, callback, number) = alone_at_first(scene, 1990).await?;
    let statuses = scene.deliver(&callback, "resend?api_v3_key=00000000000000000000000000000000").await?;
    let refused = !statuses.iter().any(|status| (200..300).contains(status));
    let expected = "no 2xx for a callback that nobody here can open";
    scene.claim(refused, Invariant::Forged, &number, expected, &format!("{statuses:?}"));
    let previous = scene.world.house.as_ref().map(|house| house.previous_api_v3_key.clone()).unwrap_or_default();
    let statuses = scene.deliver(&callback, &format!("resend?api_v3_key={previous}")).await?;
    let expected = "2xx for a callback sealed with the key before";
    scene.claim(good(&statuses), Invariant::Alive, &number, expected, &format!("{statuses:?}"));
    scene.found(&order, MINUTE, Invariant::Durable, "paid by it").await.map(drop)
}
