//! What any engine of queues must do. The suite knows an engine only by its [`Port`], so that another can be put behind it.
//! A message is a number; the suite asks nothing of how it is carried.

use std::{collections::BTreeSet, time::Duration};

/// What the suite does with an engine whose queues are `a`, bound by `order.*`, and `b`, bound by `#`.
pub trait Port {
    /// What one holds who was given a message.
    type Delivery;
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
    let mut others = 100;
    for _ in 0..1_000 {
        if !port.dead().await.is_empty() {
            break;
        }
        others += 1;
        port.publish("user.new", others).await;
        let mut came = false;
        while let Some((message, delivery)) = port.consume("b").await {
            if message == 21 {
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
    assert!(others > 101, "it had more than one attempt");
    assert!(port.consume("b").await.is_none());
}
