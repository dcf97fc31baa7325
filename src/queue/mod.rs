//! Jobs' messages at a `RabbitMQ` (feature `rabbitmq`), for a house whose workers are other programs or too many for one
//! database.
//!
//! **What the queue of the database gives and a broker cannot:** a job is enqueued in the transaction of the change that
//! needs it and ends in the transaction of its effect; a second job of the same subject is dropped; a job waits for any
//! moment; an urgent one goes first; a kind has a limit of how many run at a time or begin in a minute, and can be paused.
//! A broker gives routing, acknowledgement, retries after a wait, a dead letter and consumers who are told at once; all of
//! it **at least once**: whoever handles a message absorbs by [`Message::id`] what it has seen.
//!
//! **The way between the two is the outbox.** The job row is the message until it is due: it is written with its change,
//! unique, delayed, limited as its kind is. Then [`forward`] publishes it and ends the row once the broker has confirmed.
//! If the process dies in between, it is published again under the same id.
//!
//! Queues are bound by the same [`Binding`](crate::model::binding::Binding)s with the same patterns, and gray lanes draw
//! the same subjects. One suite (`tests/it/queue/conformance.rs`) holds both to the same words.
//!
//! It stands above `app` and below nobody: the house itself works from its database.

mod consumer;
mod dead;
mod outbox;
pub mod rabbitmq;
mod topology;

use crate::{data, model::job::Work};
pub use consumer::{Consumer, Delivery, Fate};
pub use dead::Dead;
pub use outbox::forward;

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// By this its consumers know it again; of a job that was forwarded, the number of its row.
    pub id: String,
    /// `job.send_refund`: what patterns are held against, up to 255 bytes.
    pub key: String,
    /// What it follows; it draws the gray lane.
    pub subject: String,
    /// What there is to do. It says how often it may be tried.
    pub work: Work,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The broker is away, or refused. What was asked for may have been done all the same.
    #[error(transparent)]
    Broker(#[from] lapin::Error),
    /// The broker did not say in time that it has the message, or said that it has not. It may have it all the same.
    #[error("the broker did not confirm the message")]
    Unconfirmed,
    /// The broker did not answer in time.
    #[error("the broker does not answer")]
    Silent,
    /// A key or a name is longer than AMQP carries.
    #[error("{0} is too long for AMQP")]
    Unfit(String),
    /// A message came back from the queue it was to go to: the queue is not there any more.
    #[error("there is no queue {0}")]
    NoQueue(String),
    /// The message could not be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The database failed.
    #[error(transparent)]
    Data(#[from] data::Error),
}

/// A message as it lies in a queue: JSON.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Letter {
    id: String,
    key: String,
    subject: String,
    /// Not read before somebody works: another version may know it, and staff may look at it.
    work: serde_json::Value,
    attempts_max: i64,
    /// How often it was tried before it was put here.
    #[serde(default)]
    attempts: i64,
    #[serde(default)]
    redrives: i64,
    /// The queue where it failed, and why it did.
    #[serde(default)]
    queue: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

impl Letter {
    fn of(message: &Message) -> Result<Self, Error> {
        let Message { id, key, subject, work } = message.clone();
        let attempts_max = work.attempts_max();
        let work = serde_json::to_value(work)?;
        Ok(Self { id, key, subject, work, attempts_max, attempts: 0, redrives: 0, queue: None, error: None })
    }
}
