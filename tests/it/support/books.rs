//! WeChat's books beside the rows of a deployment.

use super::{node::Deployment, rows::same};
use std::time::{Duration, Instant};
use weizhan::{
    data::{self, Database},
    model::{job::JobState, refund::RefundState, time::Clock},
    simulator::{RefundStatus, TradeState},
};

const WAITING: &str = "SELECT COUNT(*) FROM notices WHERE outcome = 'waiting'";

/// Wait until nothing is under way, neither a callback, be it sent or stored, nor a due job, and the money is the same on
/// both sides.
pub async fn quiesce(shop: &Deployment, patience: Duration) {
    let database = Database::open(&shop.config().database).await.unwrap();
    let began = Instant::now();
    loop {
        let mut session = database.read().await.unwrap();
        let running = data::job::count(&mut session, JobState::Running).await.unwrap();
        let due = data::job::next_due(&mut session).await.unwrap();
        let now = weizhan::app::SystemClock.now();
        // What a killed process had acknowledged waits until another one may settle it.
        let waiting: Option<(i64,)> = session.optional(same(WAITING.to_owned()), ()).await.unwrap();
        let busy = running > 0
            || due.is_some_and(|due| due <= now)
            || waiting.is_some_and(|(count,)| count > 0)
            || !shop.simulator.pending_callbacks().is_empty();
        let differences = if busy { Vec::new() } else { differences(shop, &mut session).await };
        drop(session);
        if !busy && differences.is_empty() {
            return database.close().await;
        }
        assert!(began.elapsed() < patience, "busy: {busy}, {differences:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Where WeChat's books and the rows part. That the rows are at one with themselves is `verify`'s to say.
async fn differences(shop: &Deployment, session: &mut data::Session) -> Vec<String> {
    let (truth, mut wrong) = (shop.simulator.ledger(), Vec::new());
    for paid in truth.payments.iter().filter(|it| matches!(it.state, TradeState::Success | TradeState::Refund)) {
        let ours = data::payment::find(session, paid.transaction_id.as_deref().unwrap()).await.unwrap();
        if ours.is_none_or(|ours| ours.total_fen != paid.total_fen) {
            wrong.push(format!("payment {}", paid.out_trade_no));
        }
    }
    for back in &truth.refunds {
        let ours = data::refund::find_by_number(session, &back.out_refund_no).await.unwrap();
        let same = |ours: weizhan::model::refund::Refund| {
            back.status == RefundStatus::Success
                && (ours.state, ours.amount_fen) == (RefundState::Succeeded, back.refund_fen)
        };
        if !ours.is_some_and(same) {
            wrong.push(format!("refund {}", back.out_refund_no));
        }
    }
    wrong
}
