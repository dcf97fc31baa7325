//! The dead letter: what was given up, to look at and to try once more.

use super::{
    Error, Letter,
    rabbitmq::{RabbitMq, short},
};
use lapin::{
    message::Delivery as Raw,
    options::{BasicAckOptions, BasicGetOptions, BasicNackOptions},
    types::AMQPValue,
};
use std::collections::BTreeMap;

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// See [`Message::id`](super::Message::id); empty if what lies there is not ours.
    pub id: String,
    /// The queue where it failed.
    pub queue: String,
    /// What there was to do: JSON, or whatever it is.
    pub work: String,
    /// How often it was tried.
    pub attempts: i64,
    /// How often it was tried again after it had been given up.
    pub redrives: i64,
    /// Why it failed last; empty if no consumer lived to say so.
    pub error: String,
}

/// The queue that a message came from: its letter knows, and else the broker, whose names have a prefix.
fn origin(letter: Option<&Letter>, raw: &Raw, prefix: &str) -> String {
    if let Some(queue) = letter.and_then(|letter| letter.queue.clone()) {
        return queue;
    }
    let headers = raw.properties.headers().as_ref();
    let first =
        headers.and_then(|headers| headers.into_iter().find(|(name, _)| name.as_str() == "x-first-death-queue"));
    match first {
        Some((_, AMQPValue::LongString(name))) => {
            name.to_string().strip_prefix(prefix).map(str::to_owned).unwrap_or_default()
        }
        _ => String::new(),
    }
}

impl RabbitMq {
    /// How many messages the dead letter has.
    pub async fn count_dead(&self) -> Result<u32, Error> {
        self.count(self.topology().dead()).await
    }

    /// Up to so many messages of the dead letter, which stay there. Nobody else sees those meanwhile.
    pub async fn dead(&self, limit: usize) -> Result<Vec<Dead>, Error> {
        let (name, prefix) = (short(&self.topology().dead())?, self.topology().queue(""));
        self.ask(async |link| {
            let (channel, mut found, mut last) = (link.channel().await?, Vec::new(), None);
            while found.len() < limit {
                let got = channel.basic_get(name.clone(), BasicGetOptions::default()).await?;
                let Some(raw) = got.map(|got| got.delivery) else { break };
                last = Some(raw.delivery_tag);
                let letter = serde_json::from_slice::<Letter>(&raw.data).ok();
                let queue = origin(letter.as_ref(), &raw, &prefix);
                found.push(if let Some(Letter { id, work, attempts, redrives, error, .. }) = letter {
                    let (work, error) = (work.to_string(), error.unwrap_or_default());
                    Dead { id, queue, work, attempts, redrives, error }
                } else {
                    let (id, error, work) = (String::new(), String::new(), String::from_utf8_lossy(&raw.data));
                    Dead { id, queue, work: work.into_owned(), attempts: 0, redrives: 0, error }
                });
            }
            if let Some(tag) = last {
                channel.basic_nack(tag, BasicNackOptions { multiple: true, requeue: true }).await?;
            }
            Ok(found)
        })
        .await
    }

    /// Try up to so many messages of the dead letter once more, from the first attempt, of one queue if one is named; how
    /// many there were. What is not ours stays, and so does what came from a queue that is not there any more. Each is in
    /// its queue before it is taken from here.
    pub async fn redrive(&self, queue: Option<&str>, limit: usize) -> Result<usize, Error> {
        let (name, prefix) = (short(&self.topology().dead())?, self.topology().queue(""));
        let link = self.link().await?;
        // What stays is held by this channel until the end, and goes back when it closes.
        let (channel, mut moved) = (link.channel().await?, 0);
        while moved < limit {
            let got = channel.basic_get(name.clone(), BasicGetOptions::default()).await?;
            let Some(raw) = got.map(|got| got.delivery) else { break };
            let Ok(letter) = serde_json::from_slice::<Letter>(&raw.data) else { continue };
            let from = origin(Some(&letter), &raw, &prefix);
            if queue.is_some_and(|queue| queue != from) {
                continue;
            }
            let letter = Letter { attempts: 0, redrives: letter.redrives + 1, queue: None, error: None, ..letter };
            let back = self.topology().queue(&from);
            if self.send("", &back, &letter, BTreeMap::new()).await?
                && raw.acker.ack(BasicAckOptions::default()).await?
            {
                moved += 1;
            }
        }
        Ok(moved)
    }
}
