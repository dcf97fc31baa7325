//! Callbacks that are not WeChat's, or say what is not so.

use super::notice::{alone_at_first, good};
use crate::cli::chaos::{
    act::MINUTE,
    books::{Order, PAID},
    call::text,
    scene::Scene,
    violation::Invariant,
};
use std::time::Duration;

/// It is still not paid a few seconds later.
async fn untouched(scene: &mut Scene<'_>, order: &Order, invariant: Invariant, told: &str) -> anyhow::Result<()> {
    scene.world.pass(Duration::from_secs(3)).await?;
    let state = scene.state(order).await?;
    let holds = !PAID.contains(&state.as_str());
    let seen = format!("the order is {state}");
    scene.claim(holds, invariant, &format!("order {}", order.id), &format!("not paid by {told}"), &seen);
    Ok(())
}

/// Then the genuine one comes.
async fn genuine(scene: &mut Scene<'_>, order: &Order, callback: &str) -> anyhow::Result<()> {
    scene.world.faults(&serde_json::json!({})).await?;
    scene.deliver(callback, "resend").await?;
    scene.found(order, MINUTE, Invariant::Alive, "paid by the genuine callback or a query after it").await.map(drop)
}

/// Not rightly signed: refused, and nothing happens. Three times, for it may come again.
pub(super) async fn trick(scene: &mut Scene<'_>, trick: &str) -> anyhow::Result<()> {
    let (order, callback, _) = alone_at_first(scene, 1990).await?;
    for _ in 0..3 {
        // Whoever answers 2xx is marked in WeChat's books, which are looked through at the end.
        scene.deliver(&callback, &format!("forge?trick={trick}")).await?;
    }
    untouched(scene, &order, Invariant::Forged, &format!("a forged callback ({trick})")).await?;
    genuine(scene, &order, &callback).await
}

/// WeChat looks whether anybody verifies.
pub(super) async fn probe(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, callback, number) = alone_at_first(scene, 1990).await?;
    let statuses = scene.deliver(&callback, "probe").await?;
    let right = matches!(statuses[..], [probe, genuine] if !good(&[probe]) && good(&[genuine]));
    let expected = "a refusal of the probe and 2xx for the callback";
    scene.claim(right, Invariant::Forged, &number, expected, &format!("{statuses:?}"));
    scene.found(&order, MINUTE, Invariant::Durable, "paid by the genuine callback").await.map(drop)
}

/// Rightly signed and wrong. It may be kept for staff, so 2xx is allowed; it must not pay the order.
pub(super) async fn lie(scene: &mut Scene<'_>, trick: &str) -> anyhow::Result<()> {
    let (order, callback, _) = alone_at_first(scene, 1990).await?;
    scene.deliver(&callback, &format!("forge?trick={trick}")).await?;
    untouched(scene, &order, Invariant::Paid, &format!("a callback that does not fit it ({trick})")).await?;
    genuine(scene, &order, &callback).await
}

/// A payment's callback at the address of refunds.
pub(super) async fn misplaced(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, callback, number) = alone_at_first(scene, 1990).await?;
    let there = scene.there(&order).await?;
    let url = there.first().map(|payment| text(payment, "/notify_url")).unwrap_or_default();
    let Some(base) = url.strip_suffix("/pay") else {
        anyhow::bail!("callbacks go to {url}, which does not end in /pay")
    };
    let statuses = scene.deliver(&callback, &format!("resend?to={base}/refund")).await?;
    let refused = !statuses.iter().any(|status| (200..300).contains(status));
    scene.claim(refused, Invariant::Forged, &number, "no 2xx at the wrong address", &format!("{statuses:?}"));
    untouched(scene, &order, Invariant::Forged, "a callback at the refunds' address").await?;
    genuine(scene, &order, &callback).await
}
