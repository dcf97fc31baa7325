//! Things that happen at the same moment.

use crate::{
    cli::chaos::{act::new_key, call::text, scene::Scene, violation::Invariant},
    model::time::minutes,
};
use futures_util::future::{join_all, try_join_all};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

/// How many times a race of two is run in a round.
const RACES: usize = 3;

/// WeChat says ORDERPAID when it is told to close.
pub(super) async fn paid_at_close(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    scene.prepay(&order).await?;
    scene.world.faults(&json!({ "paid_at_close": 1, "drop": true })).await?;
    drop(scene.cancel(&order).await?);
    let state = scene.state(&order).await?;
    let (subject, expected) = (format!("order {}", order.id), "not closed, since it is paid");
    scene.claim(state != "closed", Invariant::Closed, &subject, expected, &state);
    scene.found(&order, minutes(1), Invariant::Found, "paid, as WeChat said at the close").await.map(drop)
}

/// Whoever is first, both sides agree.
pub(super) async fn pay_and_cancel(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    for _ in 0..RACES {
        let order = scene.order(1990).await?;
        let number = scene.prepay(&order).await?;
        let [pay_after, cancel_after] = [scene.dice.below(12), scene.dice.below(4)].map(Duration::from_millis);
        let pay = async {
            tokio::time::sleep(pay_after).await;
            let paid = scene.pay(&number).await?;
            scene.world.turn().await?;
            anyhow::Ok(paid.is_good())
        };
        let cancel = async {
            tokio::time::sleep(cancel_after).await;
            scene.cancel(&order).await
        };
        let (paid, cancelled) = tokio::join!(pay, cancel);
        let (paid, cancelled) = (paid?, cancelled?);
        if paid {
            let expected =
                format!("paid here, since WeChat has the money (the cancel was answered {})", cancelled.status);
            scene.found(&order, minutes(1), Invariant::Money, &expected).await?;
        } else {
            let state = scene.state(&order).await?;
            let right = state == "closed" || (state == "pending" && !cancelled.is_good());
            let seen = format!("the order is {state}, the cancel was answered {}", cancelled.status);
            scene.claim(right, Invariant::Closed, &format!("order {}", order.id), "closed by the cancel", &seen);
        }
    }
    Ok(())
}

/// The last moment to pay.
pub(super) async fn pay_and_timeout(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    for early in [scene.dice.below(1500), scene.dice.below(200), 0] {
        let order = scene.order(1990).await?;
        let number = scene.prepay(&order).await?;
        scene.world.pass(minutes(30).saturating_sub(Duration::from_millis(early + 1))).await?;
        let pay = async { anyhow::Ok(scene.pay(&number).await?.is_good()) };
        let (paid, passed) = tokio::join!(pay, scene.world.pass(Duration::from_secs(2)));
        passed?;
        let paid = paid?;
        scene.world.pass(minutes(8)).await?;
        let state = scene.state(&order).await?;
        let right = state == if paid { "paid" } else { "closed" };
        let expected = if paid { "paid, since WeChat took the money" } else { "closed, since WeChat took none" };
        scene.claim(right, Invariant::Money, &format!("order {}", order.id), expected, &state);
    }
    Ok(())
}

pub(super) async fn cancel_repeated(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let order = scene.order(1990).await?;
    scene.prepay(&order).await?;
    drop(join_all((0..5).map(|_| scene.cancel(&order))).await);
    let answer = scene.cancel(&order).await?;
    let state = scene.state(&order).await?;
    let seen = format!("{} and the order is {state}", answer.status);
    let right = answer.is_good() && state == "closed";
    scene.claim(right, Invariant::Idempotent, &format!("order {}", order.id), "closed, however often", &seen);
    Ok(())
}

/// [`Scene::place`] says so when it becomes two orders; the stock is counted at the end.
pub(super) async fn order_repeated(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let goods = scene.stock(1990, 7).await?;
    let order = scene.place(goods, 2, 5).await?;
    let number = scene.prepay(&order).await?;
    scene.pay(&number).await?.good()?;
    scene.found(&order, minutes(1), Invariant::Found, "paid").await.map(drop)
}

pub(super) async fn refund_repeated(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, _) = scene.paid(1990).await?;
    let key = new_key();
    let answers = try_join_all((0..5).map(|_| scene.refund(&order, 629, &key))).await?;
    let good: Vec<_> = answers.iter().filter(|answer| answer.is_good()).collect();
    let ids: BTreeSet<_> = good.iter().map(|answer| text(&answer.body, "/id")).collect();
    let (seen, subject) = (format!("{ids:?}"), format!("Idempotency-Key {key}"));
    scene.claim(ids.len() == 1, Invariant::Idempotent, &subject, "one refund", &seen);
    if let Some(first) = good.first() {
        let name = text(&first.body, "/out_refund_no").to_owned();
        scene.refund_ends(&order, &name, "succeeded").await?;
    }
    Ok(())
}

pub(super) async fn refund_race(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (order, _) = scene.paid(1990).await?;
    let keys = [new_key(), new_key()];
    let answers = try_join_all(keys.iter().map(|key| scene.refund(&order, 1990, key))).await?;
    let good: Vec<_> = answers.iter().filter(|answer| answer.is_good()).collect();
    let seen = format!("{} accepted", good.len());
    scene.claim(good.len() == 1, Invariant::Refund, &format!("order {}", order.id), "one refund of the whole", &seen);
    if let Some(first) = good.first() {
        let name = text(&first.body, "/out_refund_no").to_owned();
        scene.refund_ends(&order, &name, "succeeded").await?;
    }
    Ok(())
}
