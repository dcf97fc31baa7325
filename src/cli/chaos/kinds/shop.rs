//! The shop itself is killed, away, or cannot write.

use super::notice::{alone_at_first, good};
use crate::{
    cli::chaos::{
        act::{MINUTE, REFUND_PATH, new_key},
        call::text,
        house::House,
        scene::Scene,
        violation::Invariant,
    },
    model::time::minutes,
};
use anyhow::Context as _;
use serde_json::json;
use std::time::Duration;

/// A connection that is not given within this time is not there.
const GIVEN: Duration = Duration::from_millis(300);
/// More connections than any pool for callbacks has.
const CONNECTIONS_MAX: usize = 100;

fn house<'a>(scene: &Scene<'a>) -> anyhow::Result<&'a House> {
    scene.world.house.as_ref().context("this kind needs a shop of its own")
}

/// WeChat calls in vain, and again by its schedule.
pub(super) async fn away(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let house = house(scene)?;
    let order = scene.order(1990).await?;
    let number = scene.prepay(&order).await?;
    scene.pay(&number).await?.good()?;
    house.kill();
    scene.world.pass(Duration::from_secs(40)).await?;
    house.start().await?;
    scene.found(&order, MINUTE, Invariant::Found, "paid within a minute of being back").await.map(drop)
}

/// Killed at some moment while callbacks come in. What was acknowledged is there afterwards.
pub(super) async fn killed_at_callback(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let house = house(scene)?;
    let (order, callback, number) = alone_at_first(scene, 1990).await?;
    let after = Duration::from_millis(scene.dice.below(25));
    let kill = async {
        tokio::time::sleep(after).await;
        house.kill();
    };
    let (statuses, ()) = tokio::join!(scene.deliver(&callback, "duplicate?count=4"), kill);
    house.start().await?;
    let statuses = statuses?;
    if statuses.iter().any(|status| good(&[*status])) {
        let expected = format!("paid: one of {statuses:?} acknowledged it, {} ms before the kill", after.as_millis());
        scene.found(&order, minutes(3), Invariant::Durable, &expected).await?;
    }
    let statuses = scene.deliver(&callback, "resend").await?;
    scene.claim(good(&statuses), Invariant::Alive, &number, "2xx after the restart", &format!("{statuses:?}"));
    scene.found(&order, minutes(3), Invariant::Durable, "paid by the callback after the restart").await.map(drop)
}

/// Killed right after a callback was acknowledged, perhaps before anything was done about it.
pub(super) async fn killed_after_callback(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let house = house(scene)?;
    let (order, callback, number) = alone_at_first(scene, 1990).await?;
    let statuses = scene.deliver(&callback, "resend").await?;
    house.kill();
    house.start().await?;
    scene.claim(good(&statuses), Invariant::Alive, &number, "2xx for a genuine callback", &format!("{statuses:?}"));
    if good(&statuses) {
        let expected = format!("paid after a kill, since the callback was answered {statuses:?}");
        scene.found(&order, minutes(3), Invariant::Durable, &expected).await?;
    }
    Ok(())
}

/// Killed while the refund is under way: WeChat may have it or not, and gets it once.
pub(super) async fn killed_at_refund(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let house = house(scene)?;
    let (order, _) = scene.paid(1990).await?;
    let loss = json!({ "path": REFUND_PATH, "method": "POST", "count": 1 });
    let slow = scene.dice.below(20);
    scene.world.faults(&json!({ "slow_ms": slow, "reply_lost": [loss] })).await?;
    let refund = scene.refund(&order, 629, &new_key()).await?.good()?;
    let kill = async {
        tokio::time::sleep(Duration::from_millis(slow + 5)).await;
        house.kill();
    };
    // The killed turn ends in an error, which is what was wanted.
    let (turned, ()) = tokio::join!(scene.world.turn(), kill);
    drop(turned);
    house.start().await?;
    scene.world.faults(&json!({})).await?;
    scene.refund_ends(&order, text(&refund, "/out_refund_no"), "succeeded").await
}

/// The database has no connection to give: a callback that cannot be stored must not be acknowledged, and one that is
/// acknowledged must be there after a kill.
pub(super) async fn database_held(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let house = house(scene)?;
    let (order, callback, number) = alone_at_first(scene, 1990).await?;
    let held = house.run(|app| async move {
        let mut held = Vec::new();
        while held.len() <= CONNECTIONS_MAX
            && let Ok(Ok(session)) = tokio::time::timeout(GIVEN, app.database.alone()).await
        {
            held.push(session);
        }
        held
    });
    let held = held.await?;
    anyhow::ensure!(held.len() <= CONNECTIONS_MAX, "the database gives connections without end");
    let statuses = scene.deliver(&callback, "resend").await?;
    house.kill();
    drop(held);
    house.start().await?;
    if statuses.iter().any(|status| good(&[*status])) {
        let expected = format!("paid after a kill, since the callback was answered {statuses:?}");
        scene.found(&order, minutes(3), Invariant::Durable, &expected).await?;
    }
    let statuses = scene.deliver(&callback, "resend").await?;
    scene.claim(good(&statuses), Invariant::Alive, &number, "2xx when the database is free", &format!("{statuses:?}"));
    scene.found(&order, minutes(3), Invariant::Durable, "paid by the callback after that").await.map(drop)
}
