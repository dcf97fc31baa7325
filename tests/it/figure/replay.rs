//! The stream, stopped anywhere, counts what a recount of all events counts.

use super::{
    events::{Dice, generate, tell},
    recount::{differing, recount, stored},
};
use crate::support::{app::TestApp, full};
use std::collections::BTreeSet;
use weizhan::{
    data,
    model::{
        event::PARTITIONS,
        figure::ERROR_PERCENT,
        time::{Day, Timestamp},
    },
    service::figure,
};

#[tokio::test]
async fn whoever_is_stopped_anywhere_has_counted_each_event_once() {
    let app = TestApp::crowded().await;
    let count = if full() { 1_000_000 } else { 5_000 };
    let events = generate(count, 5, 0x9e37_79b9);
    let (mut dice, mut killed, mut ended) = (Dice(77), 0, 0);
    // Told in parts, so that the stream also waits for what is late.
    for part in events.chunks(events.len() / 4 + 1) {
        tell(&app, part).await;
        for _ in 0..24 {
            let partition = i64::try_from(dice.below(4)).unwrap();
            let running = app.app.clone();
            let task = app.app.spawn(async move { figure::advance(&running, partition).await });
            // As many turns of the executor as chance has it: in the middle of a statement, a transaction, a commit.
            for _ in 0..(1_u64 << dice.below(15)) {
                tokio::task::yield_now().await;
            }
            if dice.below(2) == 0 {
                let mut session = app.app.database.read().await.unwrap();
                data::event::lags(&mut session).await.unwrap();
            }
            task.abort();
            match task.await {
                Err(stopped) if stopped.is_cancelled() => killed += 1,
                outcome => {
                    outcome.unwrap().unwrap();
                    ended += 1;
                }
            }
        }
        // All partitions at once, as of several nodes, while somebody else counts the same.
        let both = (0..PARTITIONS).chain(0..PARTITIONS).map(|partition| {
            let running = app.app.clone();
            app.app.spawn(async move { figure::advance(&running, partition).await })
        });
        for task in both.collect::<Vec<_>>() {
            // A race that was lost too often is told, and nothing of it is kept.
            drop(task.await.unwrap());
        }
    }
    assert!(killed >= 20, "only {killed} were stopped, {ended} had ended");
    figure::catch_up(&app.app).await.unwrap();
    let right = recount(&events);
    assert!(right.len() > 1_000, "there is something to compare");
    assert_eq!(differing(&stored(&app).await, &right), Vec::<String>::new());
    println!("{} told, {count} events, {killed} stops, {} windows equal", events.len(), right.len());

    let mut session = app.app.database.read().await.unwrap();
    let seen = |from: Day, to: Day| {
        let within = move |at: Timestamp| (from.0..=to.0).contains(&at.day());
        let visits = events.iter().filter(move |event| within(event.occurred_ms) && !event.event_id.is_empty());
        let visits = visits.filter(|event| !["order_paid", "refunded"].contains(&event.kind.word()));
        visits.map(|event| event.visitor.as_str()).collect::<BTreeSet<_>>().len()
    };
    let last = Day(app.app.now().day());
    for back in 0..5 {
        let from = last.before(back);
        let exact = i64::try_from(seen(from, last)).unwrap();
        let estimate = data::figure::sketch_of(&mut session, from, last).await.unwrap().estimate();
        assert!((estimate - exact).abs() * 100 <= exact * ERROR_PERCENT, "{from}: {estimate} of {exact}");
        println!("{} days: {estimate} distinct visitors estimated, {exact} counted", back + 1);
    }
    drop(session);
    app.end().await;
}
