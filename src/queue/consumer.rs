//! Taking messages, and saying what became of them.
//!
//! A message is its consumer's until it is acknowledged or its connection is gone; then it comes again, to whoever asks. The
//! broker is heard to have an acknowledgement before it counts; one that was lost with its connection is told as such.
//!
//! Each delivery is an attempt, whether it ended in words or in the death of the consumer: the broker counts those that were
//! not answered, the letter those that failed. What has had its attempts goes to the dead letter before anybody sees it
//! again.

use super::{
    Error, Letter, Message,
    rabbitmq::{Link, RabbitMq, short},
};
use futures_util::StreamExt as _;
use lapin::{
    Channel,
    message::Delivery as Raw,
    options::{BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions, BasicRejectOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::time::timeout;

/// Most characters of an error that a message keeps.
const ERROR_CHARS_MAX: usize = 500;

/// What became of a message that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It comes again after its wait.
    Later,
    /// It had its last attempt and is in the dead letter.
    Dead,
    /// It was no longer this consumer's, and will be or was another's.
    Lost,
}

/// A message that its consumer holds. If it is dropped, and the consumer too, it comes again at once.
pub struct Delivery {
    /// What came.
    pub message: Message,
    /// The how-manieth attempt this is, from 1.
    pub attempt: i64,
    /// How often it was tried again after it had been given up.
    pub redrives: i64,
    held: Held,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery")
            .field("message", &self.message)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// What is needed to answer. It keeps the channel open on which it came.
struct Held {
    broker: RabbitMq,
    queue: String,
    letter: Letter,
    raw: Raw,
    channel: Channel,
    _link: Arc<Link>,
}

impl Delivery {
    /// It is done; `false` when it was no longer this consumer's, or the broker did not say that it knows.
    pub async fn ack(self) -> bool {
        self.held.done().await
    }

    /// It failed. It comes again after its wait, or goes to the dead letter when this was its last attempt. It is put there
    /// before it is taken from here: if the process dies in between, there are two of it.
    pub async fn nack(self, error: &str) -> Result<Fate, Error> {
        self.held.failed(self.attempt, error).await
    }
}

impl Held {
    async fn done(&self) -> bool {
        // An acknowledgement has no answer. What has one comes after it on the same channel, and changes nothing.
        let said = async {
            let ours = self.raw.acker.ack(BasicAckOptions::default()).await?;
            self.channel.basic_qos(self.broker.options().prefetch, BasicQosOptions::default()).await.map(|()| ours)
        };
        match timeout(self.broker.options().patience, said).await {
            Ok(Ok(ours)) => ours,
            // Whatever keeps the words from the broker ends the channel, and with it the having of the message.
            Ok(Err(error)) => {
                tracing::debug!(error = %error, "an acknowledgement came too late");
                false
            }
            Err(_) => false,
        }
    }

    async fn failed(&self, attempt: i64, error: &str) -> Result<Fate, Error> {
        if !self.raw.acker.usable() {
            return Ok(Fate::Lost);
        }
        let mut letter = self.letter.clone();
        letter.attempts = attempt;
        letter.queue = Some(self.queue.clone());
        letter.error = Some(error.chars().take(ERROR_CHARS_MAX).collect());
        let (topology, back) = (self.broker.topology(), self.broker.topology().queue(&self.queue));
        let (to, fate) = if attempt >= letter.attempts_max {
            (topology.dead(), Fate::Dead)
        } else {
            (topology.later(attempt), Fate::Later)
        };
        if !self.broker.send(&to, &back, &letter, BTreeMap::new()).await? {
            return Err(Error::NoQueue(to));
        }
        Ok(if self.done().await { fate } else { Fate::Lost })
    }
}

/// How often the broker gave out a message before without an answer.
fn unanswered(raw: &Raw) -> i64 {
    let headers = raw.properties.headers().as_ref();
    let count = headers.and_then(|headers| headers.into_iter().find(|(name, _)| name.as_str() == "x-delivery-count"));
    match count.map(|(_, count)| count) {
        Some(AMQPValue::LongLongInt(count)) => *count,
        Some(AMQPValue::LongInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortShortInt(count)) => i64::from(*count),
        Some(AMQPValue::LongUInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortUInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortShortUInt(count)) => i64::from(*count),
        _ => 0,
    }
}

impl RabbitMq {
    /// The next message of a queue, if there is one: a look over a channel of its own. Who works steadily takes a
    /// [`Consumer`].
    pub async fn take(&self, queue: &str) -> Result<Option<Delivery>, Error> {
        loop {
            let name = short(&self.topology().queue(queue))?;
            let got = self.ask(async |link| {
                let channel = link.channel().await?;
                let got = channel.basic_get(name, BasicGetOptions::default()).await?;
                Ok(got.map(|got| (got.delivery, channel, link)))
            });
            let Some((raw, channel, link)) = got.await? else { return Ok(None) };
            if let Some(delivery) = self.open(queue, raw, channel, link).await? {
                return Ok(Some(delivery));
            }
        }
    }

    /// Take messages of a queue as they come.
    pub fn consumer(&self, queue: &str) -> Consumer {
        Consumer { broker: self.clone(), queue: queue.to_owned(), stream: None }
    }

    /// Read what came; `None` when it is nobody's work any more.
    async fn open(&self, queue: &str, raw: Raw, channel: Channel, link: Arc<Link>) -> Result<Option<Delivery>, Error> {
        let letter: Letter = match serde_json::from_slice(&raw.data) {
            Ok(letter) => letter,
            Err(error) => {
                tracing::error!(queue, error = %error, "what is not ours went to the dead letter");
                raw.acker.reject(BasicRejectOptions { requeue: false }).await?;
                return Ok(None);
            }
        };
        let attempt = letter.attempts.saturating_add(unanswered(&raw)).saturating_add(1);
        let (redrives, work) = (letter.redrives, serde_json::from_value(letter.work.clone()));
        let message =
            |work| Message { id: letter.id.clone(), key: letter.key.clone(), subject: letter.subject.clone(), work };
        let message = work.map(message);
        let last = attempt > letter.attempts_max;
        let held = Held { broker: self.clone(), queue: queue.to_owned(), letter, raw, channel, _link: link };
        match message {
            Ok(message) if !last => Ok(Some(Delivery { message, attempt, redrives, held })),
            Ok(_) => held.failed(attempt - 1, "its consumer was lost each time").await.map(|_| None),
            Err(error) => {
                let error = format!("this version cannot read it: {error}");
                tracing::error!(queue, id = held.letter.id, error, "a message was put off");
                held.failed(attempt, &error).await.map(|_| None)
            }
        }
    }
}

/// Takes messages as they come, up to [`prefetch`](super::rabbitmq::Options::prefetch) at a time.
pub struct Consumer {
    broker: RabbitMq,
    queue: String,
    stream: Option<(lapin::Consumer, Channel, Arc<Link>)>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Consumer {
    /// The next message, however long it takes. After an error, ask again: the connection is opened anew.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            let (stream, channel, link) = match &mut self.stream {
                Some(stream) => stream,
                none => none.insert(subscribe(&self.broker, &self.queue).await?),
            };
            match stream.next().await {
                Some(Ok(raw)) => {
                    let (channel, link) = (channel.clone(), link.clone());
                    match self.broker.open(&self.queue, raw, channel, link).await {
                        Ok(Some(delivery)) => return Ok(delivery),
                        Ok(None) => {}
                        Err(error) => {
                            // What could not be put elsewhere goes back with its channel.
                            self.stream = None;
                            return Err(error);
                        }
                    }
                }
                Some(Err(error)) => {
                    self.stream = None;
                    return Err(error.into());
                }
                None => {
                    self.stream = None;
                    return Err(Error::Silent);
                }
            }
        }
    }
}

async fn subscribe(broker: &RabbitMq, queue: &str) -> Result<(lapin::Consumer, Channel, Arc<Link>), Error> {
    let (name, prefetch) = (short(&broker.topology().queue(queue))?, broker.options().prefetch);
    broker
        .ask(async |link| {
            let channel = link.channel().await?;
            channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
            let (tag, options, none) = (ShortString::default(), BasicConsumeOptions::default(), FieldTable::default());
            let stream = channel.basic_consume(name, tag, options, none).await?;
            Ok((stream, channel, link))
        })
        .await
}
