//! The exchanges and queues of the broker.
//!
//! | Name | What it is |
//! |---|---|
//! | `topic` | The topic exchange to which is published; each pattern binds it to the `lane` of a queue |
//! | `lane.Q` | A headers exchange: what is marked for a gray lane of Q goes there, all else on to `usual.Q` |
//! | `usual.Q` | A fanout exchange, to `q.Q` alone: the alternate of `lane.Q` |
//! | `q.Q` | A quorum queue |
//! | `later.MS` | A quorum queue, and the fanout exchange before it, where messages wait so long after a failure |
//! | `dead` | The quorum queue of the dead letter, and the fanout exchange before it |
//!
//! Which lane a message goes is drawn by its publisher, as the queue of the database draws it, and marked in its headers.
//! A share can change without a word to the broker, and a publisher that knows of no lane sends the usual way.
//!
//! A wait is a queue, not a lifetime of the message: only what is first in a queue ends its wait, so one that waits long
//! would hold up those behind it. All in `later.MS` wait equally long, and the routing key that they keep is the name of
//! the queue to which they go back.

use super::{Error, rabbitmq::short};
use crate::model::binding::{Binding, fits};
use lapin::{
    Channel, ExchangeKind,
    options::{
        ExchangeBindOptions, ExchangeDeclareOptions, ExchangeUnbindOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable, ShortString},
};
use std::{collections::BTreeMap, time::Duration};

/// After so many deliveries the broker itself gives a message up, should its consumers die before they can.
const DELIVERIES_MAX: i32 = 1_000;

/// Names and declarations.
#[derive(Debug, Clone, Copy)]
pub(super) struct Topology<'a> {
    pub(super) prefix: &'a str,
    pub(super) steps: &'a [Duration],
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// Arguments of a queue whose messages are on the disks of a majority, and leave it only for another that has them.
fn quorum(dead: &str, more: &[(&'static str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text("quorum"));
    table.insert("x-dead-letter-exchange".into(), text(dead));
    table.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    // The broker asks for this one with that one. There is no length at which it would refuse.
    table.insert("x-overflow".into(), text("reject-publish"));
    for (name, value) in more {
        table.insert((*name).into(), value.clone());
    }
    table
}

impl Topology<'_> {
    pub(super) fn topic(&self) -> String {
        format!("{}.topic", self.prefix)
    }
    pub(super) fn dead(&self) -> String {
        format!("{}.dead", self.prefix)
    }
    pub(super) fn queue(&self, queue: &str) -> String {
        format!("{}.q.{queue}", self.prefix)
    }
    fn lane(&self, queue: &str) -> String {
        format!("{}.lane.{queue}", self.prefix)
    }
    fn usual(&self, queue: &str) -> String {
        format!("{}.usual.{queue}", self.prefix)
    }
    /// Where a message waits after its `attempt`-th failure.
    pub(super) fn later(&self, attempt: i64) -> String {
        let place = usize::try_from(attempt - 1).unwrap_or(0).min(self.steps.len().saturating_sub(1));
        self.wait(self.steps.get(place).copied().unwrap_or_default())
    }
    fn wait(&self, step: Duration) -> String {
        format!("{}.later.{}", self.prefix, step.as_millis())
    }

    /// What is there whatever is bound.
    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), Error> {
        exchange(channel, &self.topic(), ExchangeKind::Topic, FieldTable::default()).await?;
        let mut table = FieldTable::default();
        table.insert("x-queue-type".into(), text("quorum"));
        fanned_queue(channel, &self.dead(), table).await?;
        for step in self.steps {
            let life = AMQPValue::LongLongInt(i64::try_from(step.as_millis()).unwrap_or(i64::MAX));
            fanned_queue(channel, &self.wait(*step), quorum("", &[("x-message-ttl", life)])).await?;
        }
        Ok(())
    }

    /// The queues of these bindings and the ways to them.
    pub(super) async fn bind(&self, channel: &Channel, bindings: &[Binding]) -> Result<(), Error> {
        for Binding { pattern, queue, gray_queue, .. } in bindings {
            let (lane, usual) = (self.lane(queue), self.usual(queue));
            self.declare_queue(channel, queue).await?;
            exchange(channel, &usual, ExchangeKind::Fanout, FieldTable::default()).await?;
            queue_bind(channel, &self.queue(queue), &usual, FieldTable::default()).await?;
            let mut alternate = FieldTable::default();
            alternate.insert("alternate-exchange".into(), text(&usual));
            exchange(channel, &lane, ExchangeKind::Headers, alternate).await?;
            if let Some(gray) = gray_queue {
                self.declare_queue(channel, gray).await?;
                let mut marked = FieldTable::default();
                marked.insert("x-match".into(), text("all"));
                marked.insert(mark(queue), text(gray));
                queue_bind(channel, &self.queue(gray), &lane, marked).await?;
            }
            let (options, none) = (ExchangeBindOptions::default(), FieldTable::default());
            channel.exchange_bind(short(&lane)?, short(&self.topic())?, short(pattern)?, options, none).await?;
        }
        Ok(())
    }

    /// From now on the pattern brings nothing more to the queue.
    pub(super) async fn unbind(&self, channel: &Channel, pattern: &str, queue: &str) -> Result<(), Error> {
        let (lane, topic) = (short(&self.lane(queue))?, short(&self.topic())?);
        let (options, none) = (ExchangeUnbindOptions::default(), FieldTable::default());
        Ok(channel.exchange_unbind(lane, topic, short(pattern)?, options, none).await?)
    }

    async fn declare_queue(&self, channel: &Channel, queue: &str) -> Result<(), Error> {
        let most = AMQPValue::LongInt(DELIVERIES_MAX);
        let table = quorum(&self.dead(), &[("x-delivery-limit", most)]);
        channel.queue_declare(short(&self.queue(queue))?, QueueDeclareOptions::durable(), table).await?;
        Ok(())
    }

    /// How many messages a queue has that nobody holds.
    pub(super) async fn count(channel: &Channel, name: &str) -> Result<u32, Error> {
        let options = QueueDeclareOptions::durable().passive();
        Ok(channel.queue_declare(short(name)?, options, FieldTable::default()).await?.message_count())
    }
}

/// The marks of a message for the gray lanes that its subject draws. Of the patterns of a queue the first that fits decides.
pub(super) fn lanes(bindings: &[Binding], key: &str, subject: &str) -> BTreeMap<ShortString, AMQPValue> {
    let mut drawn = BTreeMap::new();
    for binding in bindings.iter().filter(|binding| fits(&binding.pattern, key)) {
        drawn.entry(binding.queue.as_str()).or_insert_with(|| binding.queue_of(subject));
    }
    drawn.retain(|queue, lane| queue != lane);
    drawn.into_iter().map(|(queue, lane)| (mark(queue), text(lane))).collect()
}

/// The header that names the gray lane of a queue.
fn mark(queue: &str) -> ShortString {
    ShortString::try_new(format!("lane.{queue}")).unwrap_or_default()
}

async fn exchange(channel: &Channel, name: &str, kind: ExchangeKind, table: FieldTable) -> Result<(), Error> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    Ok(channel.exchange_declare(short(name)?, kind, options, table).await?)
}

async fn queue_bind(channel: &Channel, queue: &str, exchange: &str, table: FieldTable) -> Result<(), Error> {
    let (queue, exchange) = (short(queue)?, short(exchange)?);
    Ok(channel.queue_bind(queue, exchange, ShortString::default(), QueueBindOptions::default(), table).await?)
}

/// A queue behind an exchange of the same name.
async fn fanned_queue(channel: &Channel, name: &str, table: FieldTable) -> Result<(), Error> {
    exchange(channel, name, ExchangeKind::Fanout, FieldTable::default()).await?;
    channel.queue_declare(short(name)?, QueueDeclareOptions::durable(), table).await?;
    queue_bind(channel, name, name, FieldTable::default()).await
}
