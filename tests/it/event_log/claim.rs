//! What every engine has to hold.

use super::{Stand, event, source_in};
use crate::support::full;
use std::collections::{BTreeMap, HashSet};
use tokio::task::JoinSet;
use weizhan::{
    event_log::{Error, EventLog},
    model::event::{Event, Lag, Logged, PARTITIONS},
};

/// All of a partition, whose places are dense.
async fn whole(log: &EventLog, partition: i64) -> Vec<Logged> {
    let (first, last) = log.ends(partition).await.unwrap();
    assert_eq!(first, 1);
    let all = log.read(partition, 0, i64::MAX).await.unwrap();
    let places: Vec<i64> = all.iter().map(|logged| logged.position).collect();
    assert_eq!(places, (1..=last).collect::<Vec<_>>(), "dense, from the first on");
    assert!(all.iter().all(|logged| logged.partition_no == partition && logged.event.partition() == partition));
    all
}

fn events(source: &str, numbers: impl IntoIterator<Item = i64>) -> Vec<Event> {
    numbers.into_iter().map(|number| event(source, number)).collect()
}

fn told(logged: &[Logged]) -> Vec<Event> {
    logged.iter().map(|logged| logged.event.clone()).collect()
}

pub async fn the_order_of_a_source_is_kept_however_many_append(stand: &Stand) {
    let (appenders, batches, size) = if full() { (16, 200, 7) } else { (8, 12, 3) };
    let mut crowd = JoinSet::new();
    for appender in 0..appenders {
        let log = if appender % 2 == 0 { &stand.one } else { &stand.other }.clone();
        crowd.spawn(async move {
            let source = format!("order-{appender}");
            for batch in 0..batches {
                log.append(&events(&source, batch * size..(batch + 1) * size)).await.unwrap();
            }
        });
    }
    crowd.join_all().await;
    let mut sources: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for partition in 0..PARTITIONS {
        for logged in whole(&stand.one, partition).await {
            sources.entry(logged.event.source.clone()).or_default().push(logged.event);
        }
    }
    assert_eq!(sources.len(), appenders);
    for (source, seen) in sources {
        assert_eq!(seen, events(&source, 0..batches * size));
    }
}

pub async fn places_are_dense_from_the_first_on(stand: &Stand) {
    let source = source_in(2, "dense");
    assert_eq!(stand.one.ends(2).await.unwrap(), (1, 0));
    assert_eq!(stand.one.read(2, 0, 10).await.unwrap(), []);
    for number in 0..20 {
        let log = if number % 2 == 0 { &stand.one } else { &stand.other };
        log.append(&events(&source, [number])).await.unwrap();
        assert_eq!(stand.other.ends(2).await.unwrap(), (1, number + 1));
    }
    assert_eq!(told(&whole(&stand.one, 2).await), events(&source, 0..20));
    for partition in [0, 1, 3] {
        assert_eq!(whole(&stand.one, partition).await, [], "each source has one partition");
    }
    for after in [20, 21, i64::MAX] {
        assert_eq!(stand.one.read(2, after, 10).await.unwrap(), [], "nothing is behind the end");
    }
    stand.one.append(&[]).await.unwrap();
    assert_eq!(stand.one.ends(2).await.unwrap(), (1, 20));
}

pub async fn what_was_acknowledged_is_read_by_another(stand: &Stand) {
    let sources: Vec<String> = (0..PARTITIONS).map(|partition| source_in(partition, "seen")).collect();
    for number in 0..10 {
        let batch: Vec<Event> = sources.iter().map(|source| event(source, number)).collect();
        stand.one.append(&batch).await.unwrap();
        for (partition, event) in (0..).zip(&batch) {
            let seen = stand.other.read(partition, number, 10).await.unwrap();
            assert_eq!(seen, [Logged { partition_no: partition, position: number + 1, event: event.clone() }]);
        }
    }
    let newcomer = stand.newcomer().await;
    for (partition, source) in (0..).zip(&sources) {
        assert_eq!(told(&whole(&newcomer, partition).await), events(source, 0..10));
    }
}

pub async fn a_replay_from_any_place_gives_the_same(stand: &Stand) {
    let source = source_in(1, "replay");
    stand.one.append(&events(&source, 0..40)).await.unwrap();
    let all = whole(&stand.one, 1).await;
    for after in 0..=40 {
        let start = usize::try_from(after).unwrap();
        for limit in [1, 7, 100] {
            let log = if (after + limit) % 2 == 0 { &stand.one } else { &stand.other };
            let end = all.len().min(start + usize::try_from(limit).unwrap());
            assert_eq!(log.read(1, after, limit).await.unwrap(), all[start..end], "{limit} behind {after}");
        }
    }
    // Backward, and in pieces while more comes.
    let (mut seen, mut after) = (Vec::new(), 0);
    while seen.len() < 60 {
        if after == 35 {
            stand.other.append(&events(&source, 40..60)).await.unwrap();
        }
        let piece = stand.one.read(1, after, 5).await.unwrap();
        after += 5;
        seen.extend(piece);
    }
    assert_eq!(told(&seen), events(&source, 0..60));
}

pub async fn an_event_told_again_is_the_same_by_its_id(stand: &Stand) {
    let again = events("again", 0..5);
    for log in [&stand.one, &stand.other, &stand.one] {
        log.append(&again).await.unwrap();
    }
    let all = whole(&stand.one, again[0].partition()).await;
    assert_eq!(all.len(), if stand.absorbs() { 5 } else { 15 });
    // As whoever reads absorbs it.
    let mut known = HashSet::new();
    let once: Vec<Event> = told(&all).into_iter().filter(|event| known.insert(event.event_id.clone())).collect();
    assert_eq!(once, again);
}

pub async fn consumers_have_positions_of_their_own(stand: &Stand) {
    for partition in [0, 3] {
        stand.one.append(&events(&source_in(partition, "own"), 0..10)).await.unwrap();
    }
    for consumer in ["figures", "search"] {
        assert_eq!(stand.one.position(consumer, 0).await.unwrap(), 0);
    }
    assert!(stand.one.move_on("figures", 0, (0, 4)).await.unwrap());
    assert!(stand.other.move_on("search", 0, (0, 7)).await.unwrap());
    assert!(stand.one.move_on("figures", 3, (0, 1)).await.unwrap());
    assert!(stand.other.move_on("figures", 0, (4, 4)).await.unwrap(), "to where it is");
    let expected = [("figures", 0, 4), ("search", 0, 7), ("figures", 3, 1), ("search", 3, 0), ("figures", 1, 0)];
    for log in [&stand.one, &stand.other] {
        for (consumer, partition, position) in expected {
            assert_eq!(log.position(consumer, partition).await.unwrap(), position, "{consumer} {partition}");
        }
    }
}

pub async fn a_position_outlives_its_client(stand: &Stand) {
    let source = source_in(0, "restart");
    stand.one.append(&events(&source, 0..12)).await.unwrap();
    let mut seen = Vec::new();
    // Each piece by a client of its own, which knows only where its consumer is.
    for round in 0..4 {
        let log = stand.newcomer().await;
        let position = log.position("restart", 0).await.unwrap();
        assert_eq!(position, round * 3);
        seen.extend(log.read(0, position, 3).await.unwrap());
        assert!(log.move_on("restart", 0, (position, position + 3)).await.unwrap());
    }
    assert_eq!(told(&seen), events(&source, 0..12));
    assert_eq!(stand.newcomer().await.position("restart", 0).await.unwrap(), 12);
}

pub async fn what_a_frozen_consumer_commits_late_is_refused(stand: &Stand) {
    stand.one.append(&events(&source_in(2, "frozen"), 0..20)).await.unwrap();
    assert!(stand.one.move_on("frozen", 2, (0, 3)).await.unwrap());
    // Now the first has read up to 6, and is frozen before it says so. The other goes on for it.
    assert!(stand.other.move_on("frozen", 2, (3, 6)).await.unwrap());
    assert!(stand.other.move_on("frozen", 2, (6, 15)).await.unwrap());
    for (from, to) in [(3, 6), (3, 3), (3, 20), (0, 15), (14, 16)] {
        assert!(!stand.one.move_on("frozen", 2, (from, to)).await.unwrap(), "from {from} to {to}");
        assert_eq!(stand.newcomer().await.position("frozen", 2).await.unwrap(), 15);
    }
    // Only this moves it back; and whoever was there before is late again.
    stand.one.rewind("frozen", 2, 5).await.unwrap();
    assert_eq!(stand.other.position("frozen", 2).await.unwrap(), 5);
    assert!(!stand.other.move_on("frozen", 2, (15, 18)).await.unwrap());
    assert!(stand.other.move_on("frozen", 2, (5, 8)).await.unwrap());
    assert_eq!(stand.one.position("frozen", 2).await.unwrap(), 8);
    // Forward as well, and one that has not begun.
    stand.one.rewind("frozen", 2, 20).await.unwrap();
    stand.one.rewind("begun-elsewhere", 2, 11).await.unwrap();
    let positions = [stand.other.position("frozen", 2).await, stand.other.position("begun-elsewhere", 2).await];
    assert_eq!(positions.map(Result::unwrap), [20, 11]);
}

pub async fn of_moves_at_the_same_moment_one_counts(stand: &Stand) {
    let rounds = if full() { 60 } else { 6 };
    stand.one.append(&events(&source_in(1, "race"), 0..rounds * 10)).await.unwrap();
    let mut position = 0;
    for round in 0..rounds {
        let mut crowd = JoinSet::new();
        for task in 1..=6 {
            let log = if task % 2 == 0 { &stand.one } else { &stand.other }.clone();
            let to = position + task;
            crowd.spawn(async move { (to, log.move_on("race", 1, (position, to)).await.unwrap()) });
        }
        let won: Vec<i64> = crowd.join_all().await.into_iter().filter(|(_, won)| *won).map(|(to, _)| to).collect();
        assert_eq!(won.len(), 1, "round {round}: {won:?}");
        position = won[0];
        assert_eq!(stand.newcomer().await.position("race", 1).await.unwrap(), position, "round {round}");
    }
}

pub async fn lag_is_what_is_left(stand: &Stand) {
    let lags = async |log: &EventLog| {
        let lags: Vec<Lag> = log.lags("lagging").await.unwrap();
        assert!(lags.iter().zip(0..).all(|(lag, part)| lag.consumer == "lagging" && lag.partition_no == part));
        lags.iter().map(|lag| lag.last - lag.position).collect::<Vec<_>>()
    };
    assert_eq!(lags(&stand.one).await, [0; 4]);
    for (partition, count) in (0..).zip([9, 0, 4, 1]) {
        stand.one.append(&events(&source_in(partition, "lag"), 0..count)).await.unwrap();
    }
    assert_eq!(lags(&stand.other).await, [9, 0, 4, 1]);
    assert!(stand.one.move_on("lagging", 0, (0, 6)).await.unwrap());
    assert!(stand.one.move_on("lagging", 3, (0, 1)).await.unwrap());
    assert_eq!(lags(&stand.other).await, [3, 0, 4, 0]);
    stand.other.append(&events(&source_in(0, "lag-more"), 0..2)).await.unwrap();
    stand.other.rewind("lagging", 3, 0).await.unwrap();
    assert_eq!(lags(&stand.one).await, [5, 0, 4, 1]);
}

pub async fn while_the_log_is_in_trouble_what_is_acknowledged_is_there_once(stand: &Stand) {
    let (appenders, rounds) = if full() { (8, 40) } else { (4, 6) };
    let mut crowd = JoinSet::new();
    let must_refuse = {
        for appender in 0..appenders {
            let log = if appender % 2 == 0 { &stand.one } else { &stand.other }.clone();
            crowd.spawn(async move {
                let mut told = Vec::new();
                for round in 0..rounds {
                    let event = event(&format!("trouble-{appender}"), round);
                    let outcome = log.append(std::slice::from_ref(&event)).await;
                    told.push((event, outcome.is_ok()));
                }
                told
            });
        }
        stand.trouble().await
    };
    let told = crowd.join_all().await.concat();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for partition in 0..PARTITIONS {
        for logged in whole(&stand.one, partition).await {
            *counts.entry(logged.event.event_id).or_default() += 1;
        }
    }
    let acknowledged = told.iter().filter(|(_, acknowledged)| *acknowledged).count();
    println!("{acknowledged} of {} were acknowledged", told.len());
    assert_eq!(acknowledged < told.len(), must_refuse);
    for (event, acknowledged) in &told {
        let count = counts.remove(&event.event_id).unwrap_or(0);
        assert!(count == 1 || count == 0 && !acknowledged, "{}: {count}", event.event_id);
    }
    assert!(counts.is_empty(), "nobody told {counts:?}");
    // It is over: told again, all are there.
    for (event, _) in told.iter().filter(|(_, acknowledged)| !acknowledged) {
        stand.other.append(std::slice::from_ref(event)).await.unwrap();
        let all = whole(&stand.one, event.partition()).await;
        assert!(all.iter().any(|logged| logged.event == *event));
    }
}

pub async fn what_was_deleted_is_told_of(stand: &Stand) {
    let source = source_in(3, "deleted");
    stand.one.append(&events(&source, 0..10)).await.unwrap();
    stand.forget(3).await;
    let (first, last) = stand.other.ends(3).await.unwrap();
    println!("{first} to {last} are left");
    assert!(1 < first && first <= last);
    for after in [0, first - 2] {
        let late = stand.one.read(3, after, 10).await;
        assert!(
            matches!(late, Err(Error::PlaceMissing { partition: 3, first: begin, last: end }) if (begin, end) == (first, last)),
            "{late:?}"
        );
    }
    let left = stand.one.read(3, first - 1, i64::MAX).await.unwrap();
    let places: Vec<i64> = left.iter().map(|logged| logged.position).collect();
    assert_eq!(places, (first..=last).collect::<Vec<_>>());
    assert!(matches!(stand.one.rewind("late", 3, 0).await, Err(Error::PlaceMissing { .. })));
    stand.one.rewind("late", 3, first - 1).await.unwrap();
    assert!(stand.one.move_on("late", 3, (first - 1, last)).await.unwrap());
}

pub async fn what_is_unfit_is_refused(stand: &Stand) {
    stand.one.append(&events(&source_in(0, "unfit"), 0..3)).await.unwrap();
    for consumer in ["", "A", "a/b", "a b", "名", &"c".repeat(41)] {
        assert!(matches!(stand.one.position(consumer, 0).await, Err(Error::Unfit(_))), "{consumer}");
        assert!(matches!(stand.one.move_on(consumer, 0, (0, 1)).await, Err(Error::Unfit(_))), "{consumer}");
        assert!(matches!(stand.one.rewind(consumer, 0, 0).await, Err(Error::Unfit(_))), "{consumer}");
    }
    for partition in [-1, PARTITIONS, i64::MAX] {
        assert!(matches!(stand.one.read(partition, 0, 1).await, Err(Error::Unfit(_))));
        assert!(matches!(stand.one.position("fit", partition).await, Err(Error::Unfit(_))));
    }
    for (from, to) in [(1, 0), (-1, 1), (i64::MAX, i64::MIN)] {
        assert!(matches!(stand.one.move_on("fit", 0, (from, to)).await, Err(Error::Unfit(_))), "from {from} to {to}");
    }
    // Not even from where it is: nobody can be done with what is not there yet.
    for beyond in [4, i64::MAX] {
        assert!(matches!(stand.one.move_on("fit", 0, (0, beyond)).await, Err(Error::PlaceMissing { last: 3, .. })));
        assert!(matches!(stand.one.rewind("fit", 0, beyond).await, Err(Error::PlaceMissing { last: 3, .. })));
    }
    assert!(matches!(stand.one.rewind("fit", 0, -1).await, Err(Error::PlaceMissing { first: 1, .. })));
    assert_eq!(stand.one.position(&"c".repeat(40), 0).await.unwrap(), 0);
}
