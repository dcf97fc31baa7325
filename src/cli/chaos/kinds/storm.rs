//! Everything at once: several orders, each with a life of its own, under many faults, and the shop dies in the middle.

use crate::{
    cli::chaos::{
        act::{PREPAY_PATH, REFUND_PATH, new_key, refusal},
        books::Order,
        scene::Scene,
    },
    model::time::minutes,
};
use anyhow::Context as _;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

/// Orders at the same time.
const ORDERS: usize = 6;
/// What each of them lives through, in milliseconds at most between two acts.
const HASTE_MS: u64 = 12;

/// What a buyer, or staff, does next.
#[derive(Debug, Clone, Copy)]
enum Act {
    Pay,
    Cancel,
    Ask,
    Begin,
    Refund,
}

const ACTS: [Act; 8] = [Act::Pay, Act::Pay, Act::Pay, Act::Cancel, Act::Ask, Act::Begin, Act::Refund, Act::Refund];

/// What becomes of any one request does not matter: half of them meet a dead shop. What is true afterwards does.
pub(super) async fn everything(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let house = scene.world.house.as_ref().context("this kind needs a shop of its own")?;
    let goods = scene.stock(1990, 9).await?;
    let mut lives = Vec::new();
    for _ in 0..ORDERS {
        let order = scene.place(goods, 1, 1).await?;
        let number = scene.prepay(&order).await?;
        let acts: Vec<_> = (0..4).map(|_| (ACTS[pick(scene, ACTS.len())], scene.dice.below(HASTE_MS))).collect();
        lives.push((order, number, acts));
    }
    let faults = weather(scene);
    scene.world.faults(&faults).await?;
    let kills: Vec<u64> = (0..2).map(|_| scene.dice.below(3 * HASTE_MS)).collect();
    let lived = join_all(lives.iter().map(|(order, number, acts)| live(scene, order, number, acts)));
    let deaths = async {
        for after in kills {
            tokio::time::sleep(Duration::from_millis(after)).await;
            house.kill();
            house.start().await?;
            // What is interrupted by the next death ends in an error, which is what was wanted.
            drop(tokio::time::timeout(Duration::from_millis(after), scene.world.turn()).await);
        }
        anyhow::Ok(())
    };
    let (_, died) = tokio::join!(lived, deaths);
    died?;
    scene.world.faults(&json!({})).await?;
    // Leases of the dead end, callbacks are repeated, refunds follow each other by the minute.
    scene.world.pass(minutes(12)).await
}

fn pick(scene: &mut Scene<'_>, count: usize) -> usize {
    usize::try_from(scene.dice.below(u64::try_from(count).unwrap_or(1))).unwrap_or(0)
}

/// Faults of every sort, some of each.
fn weather(scene: &mut Scene<'_>) -> Value {
    let mut few = |most: u64| scene.dice.below(most + 1);
    let refused =
        [("GET", "/v3/", 503), ("POST", "/v3/pay/", 500), ("POST", REFUND_PATH, 429), ("POST", PREPAY_PATH, 202)];
    let fail: Vec<Value> = refused
        .iter()
        .map(|(method, path, status)| {
            refusal(method, path, u32::try_from(few(3)).unwrap_or(0), *status, "SYSTEM_ERROR")
        })
        .collect();
    let lost: Vec<Value> =
        ["/v3/pay/", REFUND_PATH].iter().map(|path| json!({ "path": path, "count": few(3) })).collect();
    json!({
        "duplicate": few(4), "probe": few(1) == 1, "slow_ms": few(5), "probe_replies": few(3),
        "callback_key": "mixed", "paid_at_close": few(2), "fail": fail, "reply_lost": lost,
    })
}

async fn live(scene: &Scene<'_>, order: &Order, number: &str, acts: &[(Act, u64)]) {
    for (act, after) in acts {
        tokio::time::sleep(Duration::from_millis(*after)).await;
        drop(match act {
            Act::Pay => scene.pay(number).await,
            Act::Cancel => scene.cancel(order).await,
            Act::Ask => scene.ask(order).await,
            Act::Begin => scene.begin(order).await,
            Act::Refund => scene.refund(order, 57, &new_key()).await,
        });
    }
}
