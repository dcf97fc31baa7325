//! The log of events as a port: what is appended lasts, has its place for ever, and is read again by whoever wants. Kafka's
//! role, played by tables.
//!
//! - Events of one source are in one **partition**, which [`Event::partition`] names on every engine, in the order in which
//!   they were appended. The **places** of a partition are dense, from 1 on: the first is Kafka's offset 0.
//! - A **consumer** is a name with a **position** in each partition: the last place it is done with, 0 before the first. It
//!   moves on *from* where it believes to be; one that was frozen meanwhile believes wrongly, and is refused. Only
//!   [`EventLog::rewind`] moves it back.
//! - [`EventLog::append`] comes back when the events are durable. If it fails, some of them may be there all the same, or
//!   come yet: append the same again.
//!
//! **Duplicates:** an event told again has the same `event_id`. [`EventLog::Embedded`] absorbs it. Kafka does not look into
//! what it keeps: its producer does not write twice what it tries again by itself, but what is *appended* again is there
//! again, in the same partition. Whoever reads from Kafka absorbs by `event_id`.
//!
//! **Retention:** what is deleted is deleted from the front, and a reader that comes too late is told
//! ([`Error::PlaceMissing`]). The database keeps what a consumer has not read; Kafka deletes by its own settings.
//!
//! The house itself uses the database, where a consumer's position moves in the transaction of what it made of the events
//! ([`data::event::move_on`]); no other engine can give that. The port is for programs that use this crate.
//!
//! It stands beside `coordination`, above `app`. **How to add another engine:** a variant here, a file beside [`embedded`],
//! and the suite (`tests/it/event_log`).

pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;

use crate::{
    data,
    model::event::{Event, Lag, Logged, PARTITIONS},
};

/// The longest name of a consumer.
pub const CONSUMER_MAX: usize = 40;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More events come than can be written. Append the same again later.
    #[error("more events come than can be written")]
    Full,
    /// Nobody knows what became of it.
    #[error("the log said nothing")]
    Silent,
    /// The place is not in the log, any more or yet. Where nothing is left `first` is the place of the next.
    #[error("the log of partition {partition} goes from {first} to {last}")]
    PlaceMissing {
        /// Of which part.
        partition: i64,
        /// The first that is still there.
        first: i64,
        /// The last.
        last: i64,
    },
    /// Moving on goes forward, and partitions are numbered from 0 to [`PARTITIONS`]; names of consumers have up to 40
    /// characters of `a-z 0-9 . _ -`.
    #[error("{0}")]
    Unfit(String),
    /// The database failed.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// The database failed to write a batch of several.
    #[error(transparent)]
    Batch(#[from] std::sync::Arc<data::Error>),
    /// Something in Kafka is not of weizhan, or is damaged. Nothing behind it can be read past it.
    #[cfg(feature = "kafka")]
    #[error("offset {offset} of partition {partition} of {topic} cannot be read: {why}")]
    Unreadable {
        /// Where.
        topic: String,
        /// Which part of it.
        partition: i32,
        /// Kafka's offset.
        offset: i64,
        /// What is wrong with it.
        why: String,
    },
    /// Kafka failed or is away. What was asked for may have been done all the same.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] rdkafka::error::KafkaError),
}

/// Who keeps the events. A cheap clone.
#[derive(Debug, Clone)]
pub enum EventLog {
    /// The database.
    Embedded(embedded::Embedded),
    /// A Kafka.
    #[cfg(feature = "kafka")]
    Kafka(kafka::Kafka),
}

/// One arm for each engine.
macro_rules! engine {
    ($self:expr, $engine:ident => $call:expr) => {
        match $self {
            Self::Embedded($engine) => $call,
            #[cfg(feature = "kafka")]
            Self::Kafka($engine) => $call,
        }
    };
}

impl EventLog {
    /// Append events, those of a partition in this order. `Ok` means that all of them are durable.
    pub async fn append(&self, events: &[Event]) -> Result<(), Error> {
        engine!(self, engine => engine.append(events).await)
    }
    /// Up to `limit` events of a partition behind a place, in order, without a gap. None where there is none yet.
    pub async fn read(&self, partition: i64, after: i64, limit: i64) -> Result<Vec<Logged>, Error> {
        check_partition(partition)?;
        engine!(self, engine => engine.read(partition, after.max(0), limit.max(0)).await)
    }
    /// The first place of a partition that is still there, or that of the next where there is none; and the last place.
    pub async fn ends(&self, partition: i64) -> Result<(i64, i64), Error> {
        check_partition(partition)?;
        engine!(self, engine => engine.ends(partition).await)
    }
    /// The last place of a partition that a consumer is done with; 0 for one that has not begun.
    pub async fn position(&self, consumer: &str, partition: i64) -> Result<i64, Error> {
        check(consumer, partition)?;
        engine!(self, engine => engine.position(consumer, partition).await)
    }
    /// A consumer is done with all up to `to`. `false` when it is not at `from` any more: another of its name has moved on,
    /// or it was sent elsewhere. `from` may equal `to`, which moves nothing and asks the same.
    pub async fn move_on(&self, consumer: &str, partition: i64, (from, to): (i64, i64)) -> Result<bool, Error> {
        check(consumer, partition)?;
        if from < 0 || to < from {
            return Err(Error::Unfit(format!("from {from} to {to} is not forward")));
        }
        let (first, last) = self.ends(partition).await?;
        if to > last {
            return Err(Error::PlaceMissing { partition, first, last });
        }
        engine!(self, engine => engine.move_on(consumer, partition, (from, to)).await)
    }
    /// Let a consumer go on behind another place; the one before the first that is still there is the beginning.
    pub async fn rewind(&self, consumer: &str, partition: i64, position: i64) -> Result<(), Error> {
        check(consumer, partition)?;
        let (first, last) = self.ends(partition).await?;
        if position < first - 1 || position > last {
            return Err(Error::PlaceMissing { partition, first, last });
        }
        engine!(self, engine => engine.rewind(consumer, partition, position).await)
    }
    /// How far a consumer is in each partition.
    pub async fn lags(&self, consumer: &str) -> Result<Vec<Lag>, Error> {
        let mut lags = Vec::new();
        for partition_no in 0..PARTITIONS {
            // First where it is, then where the log ends: so no lag is less than nothing.
            let position = self.position(consumer, partition_no).await?;
            let (_, last) = self.ends(partition_no).await?;
            lags.push(Lag { consumer: consumer.to_owned(), partition_no, position, last });
        }
        Ok(lags)
    }
}

fn check_partition(partition: i64) -> Result<(), Error> {
    let fits = (0..PARTITIONS).contains(&partition);
    fits.then_some(()).ok_or_else(|| Error::Unfit(format!("there is no partition {partition}")))
}

fn check(consumer: &str, partition: i64) -> Result<(), Error> {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    if (1..=CONSUMER_MAX).contains(&consumer.len()) && consumer.bytes().all(fits) {
        return check_partition(partition);
    }
    let shown: String = consumer.chars().take(CONSUMER_MAX).collect();
    Err(Error::Unfit(format!("{shown} is no name of a consumer")))
}
