//! What any engine of queues must do. The suite knows an engine only by its [`Port`], so that another can be put behind it.
//! A message is a number; the suite asks nothing of how it is carried.

use crate::support::full;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use weizhan::model::binding::{Binding, fits};

/// What the suite does with an engine whose queues are `a`, bound by `order.*`, and `b`, bound by `#`.
pub trait Port {
    /// What one holds who was given a message.
    type Delivery;
    /// Bind so, and nothing else.
    async fn bind(&mut self, bindings: Vec<Binding>);
    /// Send a message; how many queues took it.
    async fn publish(&mut self, key: &str, message: i64) -> usize;
    /// The next message of a queue, if one is due.
    async fn consume(&mut self, queue: &str) -> Option<(i64, Self::Delivery)>;
    /// It is done; `false` when it was no longer this consumer's.
    async fn ack(&mut self, delivery: Self::Delivery) -> bool;
    /// It failed: it comes again, or is dead when it had its last attempt.
    async fn nack(&mut self, delivery: Self::Delivery);
    /// The messages of the dead letter.
    async fn dead(&mut self) -> Vec<i64>;
    /// Try what is dead in this queue once more; how many.
    async fn redrive(&mut self, queue: &str) -> usize;
    /// Let time pass, after which consumers who were silent are taken for gone.
    async fn pass(&mut self, time: Duration);
}

/// Longer than a consumer may be silent, and than a message waits after it failed.
const LONG: Duration = Duration::from_mins(20);

/// A message reaches each queue that a pattern binds it to, once.
pub async fn messages_are_routed(port: &mut impl Port) {
    assert_eq!(port.publish("order.paid", 1).await, 2);
    assert_eq!(port.publish("user.new", 2).await, 1);
    assert_eq!(port.publish("order.paid.late", 3).await, 1);
    let mut taken = BTreeSet::new();
    for queue in ["a", "b"] {
        while let Some((message, delivery)) = port.consume(queue).await {
            assert!(taken.insert((queue, message)), "{message} came twice in {queue}");
            assert!(port.ack(delivery).await);
        }
    }
    assert_eq!(taken, BTreeSet::from([("a", 1), ("b", 1), ("b", 2), ("b", 3)]));
}

/// What was acknowledged never comes again; what was not comes again once its consumer is gone, who then cannot
/// acknowledge it any more.
pub async fn what_is_not_acknowledged_comes_again(port: &mut impl Port) {
    port.publish("user.new", 11).await;
    let (message, silent) = port.consume("b").await.expect("a message");
    assert_eq!(message, 11);
    assert!(port.consume("b").await.is_none(), "it is held");
    port.pass(LONG).await;
    let (message, other) = port.consume("b").await.expect("it comes again");
    assert_eq!(message, 11);
    assert!(!port.ack(silent).await, "it was another's by then");
    assert!(port.ack(other).await);
    port.pass(LONG).await;
    assert!(port.consume("b").await.is_none());
}

/// A message that fails each time ends in the dead letter and delays no other.
pub async fn a_poison_message_dies_and_delays_nobody(port: &mut impl Port) {
    port.publish("user.new", 21).await;
    let (mut others, mut attempts) = (100, 0);
    for _ in 0..1_000 {
        if !port.dead().await.is_empty() {
            break;
        }
        others += 1;
        port.publish("user.new", others).await;
        let mut came = false;
        while let Some((message, delivery)) = port.consume("b").await {
            if message == 21 {
                attempts += 1;
                port.nack(delivery).await;
            } else {
                came |= message == others;
                assert!(port.ack(delivery).await);
            }
        }
        assert!(came, "{others} was delayed");
        port.pass(LONG).await;
    }
    assert_eq!(port.dead().await, [21]);
    assert_eq!(attempts, 5, "as often as its kind may be tried");
    assert!(port.consume("b").await.is_none());
}

/// A message whose consumer is lost each time does not come for ever.
pub async fn a_message_that_takes_its_consumer_with_it_dies(port: &mut impl Port) {
    port.publish("user.new", 31).await;
    let mut attempts = 0;
    while let Some((message, silent)) = port.consume("b").await {
        assert_eq!(message, 31);
        attempts += 1;
        port.pass(LONG).await;
        drop(silent);
        assert!(attempts < 100, "it comes for ever");
    }
    assert_eq!((attempts, port.dead().await), (5, vec![31]));
}

/// What died can be tried once more, where it died, and from the first attempt.
pub async fn what_died_is_tried_once_more(port: &mut impl Port) {
    assert_eq!(port.publish("order.paid", 41).await, 2);
    let (message, delivery) = port.consume("a").await.expect("a message");
    assert!(message == 41 && port.ack(delivery).await);
    for round in 0..2 {
        for attempt in 1..=5 {
            let (message, delivery) = port.consume("b").await.expect("it comes again");
            assert_eq!(message, 41, "attempt {attempt} of round {round}");
            port.nack(delivery).await;
            port.pass(LONG).await;
        }
        assert_eq!(port.dead().await, [41]);
        assert_eq!((port.redrive("a").await, port.redrive("b").await), (0, 1));
        assert_eq!(port.dead().await, Vec::<i64>::new());
    }
    let (message, delivery) = port.consume("b").await.expect("it comes again");
    assert!(message == 41 && port.ack(delivery).await);
    assert!(port.consume("a").await.is_none() && port.consume("b").await.is_none());
    assert_eq!(port.redrive("b").await, 0);
}

/// The texts of up to so many of these words.
fn texts(words: &[&str], most: usize) -> Vec<String> {
    let (mut all, mut last) = (Vec::new(), words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    for _ in 0..most {
        all.extend(last.clone());
        last = last.iter().flat_map(|text| words.iter().map(move |word| format!("{text}.{word}"))).collect();
    }
    all
}

/// Every short pattern fits every short key as [`fits`] says.
pub async fn patterns_fit_as_the_model_says(port: &mut impl Port) {
    let most = if full() { 3 } else { 2 };
    let (mut patterns, keys) = (texts(&["a", "b", "*", "#"], most), texts(&["a", "b"], 3));
    patterns.extend(["a.#.b", "#.a.#", "*.#.*", "#.*.b", "a.*.#", "*.*.*"].map(str::to_owned));
    let (mut message, mut fitting) = (1_000, 0);
    for pattern in &patterns {
        port.bind(vec![Binding { pattern: pattern.clone(), queue: "a".to_owned(), gray_queue: None, gray_percent: 0 }])
            .await;
        for key in keys.iter().map(String::as_str).chain([""]) {
            message += 1;
            let taken = port.publish(key, message).await;
            assert_eq!(taken == 1, fits(pattern, key), "{pattern:?} on {key:?}");
            fitting += taken;
        }
    }
    println!("{} patterns on {} keys, {fitting} fitting", patterns.len(), keys.len() + 1);
    assert!(fitting > 100, "{fitting}");
}

/// A gray lane takes its share by the subject of a message, and what is in a queue is in one lane of it.
pub async fn a_gray_lane_takes_its_share(port: &mut impl Port) {
    let binding = |pattern: &str, gray_percent| Binding {
        pattern: pattern.to_owned(),
        queue: "a".to_owned(),
        gray_queue: Some("a-gray".to_owned()),
        gray_percent,
    };
    // A key that two patterns fit, of which the first decides.
    port.bind(vec![binding("*.paid", 30), binding("order.#", 0)]).await;
    let (first, count) = (2_000, if full() { 1_000 } else { 200 });
    for message in first..first + count {
        assert_eq!(port.publish("order.paid", message).await, 1);
    }
    let mut lanes = BTreeMap::new();
    for queue in ["a", "a-gray"] {
        while let Some((message, delivery)) = port.consume(queue).await {
            assert_eq!(lanes.insert(message, queue), None, "{message} came twice");
            assert!(port.ack(delivery).await);
        }
    }
    assert!(lanes.keys().copied().eq(first..first + count));
    for (message, queue) in &lanes {
        let drawn = binding("*.paid", 30);
        assert_eq!(drawn.queue_of(&format!("clean_up:{message}")), *queue, "{message}");
    }
    let gray = lanes.values().filter(|queue| **queue == "a-gray").count();
    println!("{gray} of {count} in the gray lane of 30 %");
    assert!((20..=40).contains(&(gray * 100 / usize::try_from(count).unwrap())), "{gray} of {count}");
}
