//! The log in a Kafka (feature `kafka`).
//!
//! Two topics, which must be there before: the log itself with [`PARTITIONS`] partitions, and `<log>-positions` with one.
//! Both with `cleanup.policy=delete`; the retention of the first is the shop's choice, the second keeps everything
//! (`retention.ms=-1`): about a hundred bytes for each move of a consumer. `min.insync.replicas` of at least 2 makes durable
//! mean more than one machine.
//!
//! A record of the log is an event as JSON under its source as key, with the partition given by us. The producer is
//! idempotent and waits for all replicas in sync. What is in the log and no event of ours, or in the wrong partition, is an
//! error that names its offset.
//!
//! Kafka's committed offsets know no condition: a consumer that was frozen would commit its old offset over a newer one.
//! So a position is made of moves, as [`position`] tells, and Kafka's committed offset of the group `<log>.<consumer>` is a
//! copy of it, which Kafka's own tools show.
//!
//! What waits inside librdkafka runs on threads for blocking work ([`reader`]). The connection is plain and
//! unauthenticated: it belongs in a private network.

mod position;
mod reader;

use super::Error;
use crate::model::event::{Event, Logged, PARTITIONS};
use position::Move;
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{FutureProducer, FutureRecord, Producer, future_producer::DeliveryFuture},
};
use reader::Reader;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Records that are on their way at once for one who appends.
const PIECE_MAX: usize = 1_000;
/// Readers that are kept for the next who reads.
const IDLE_MAX: usize = 8;

/// A Kafka as log.
#[derive(Clone)]
pub struct Kafka(Arc<Inner>);

struct Inner {
    servers: String,
    log: String,
    positions: String,
    patience: Duration,
    /// Made when it is needed, and again when it has failed for good.
    producer: Mutex<Option<FutureProducer>>,
    idle: Mutex<Vec<Reader>>,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kafka({}, {})", self.0.servers, self.0.log)
    }
}

impl Drop for Inner {
    /// Taking leave of the brokers takes a moment, which no async thread should wait for.
    fn drop(&mut self) {
        let (producer, idle) = (std::mem::take(&mut *lock(&self.producer)), std::mem::take(&mut *lock(&self.idle)));
        std::thread::spawn(move || drop((producer, idle)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Partitions are few.
fn number(partition: i64) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

impl Kafka {
    /// Connect to one of `host:port,host:port`, to the log that is this topic. Whatever Kafka does not do for so long has
    /// failed.
    pub async fn connect(servers: &str, log: &str, patience: Duration) -> Result<Self, Error> {
        let (log, positions) = (log.to_owned(), format!("{log}-positions"));
        let (producer, idle) = (Mutex::default(), Mutex::default());
        let kafka = Self(Arc::new(Inner { servers: servers.to_owned(), log, positions, patience, producer, idle }));
        let inner = kafka.0.clone();
        kafka
            .blocking(None, move |reader| {
                for (topic, count) in [(&inner.log, PARTITIONS), (&inner.positions, 1)] {
                    let found = reader.partitions(topic)?;
                    if i64::try_from(found) != Ok(count) {
                        return Err(Error::Unfit(format!("{topic} has {found} partitions and should have {count}")));
                    }
                }
                Ok(())
            })
            .await?;
        Ok(kafka)
    }

    /// Do what waits inside librdkafka with a reader of this consumer's group, or of none.
    async fn blocking<T: Send + 'static>(
        &self,
        consumer: Option<&str>,
        work: impl FnOnce(&mut Reader) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = self.0.clone();
        let group = consumer.map_or_else(|| inner.log.clone(), |consumer| format!("{}.{consumer}", inner.log));
        let done = tokio::task::spawn_blocking(move || {
            let kept = {
                let mut idle = lock(&inner.idle);
                let place = idle.iter().rposition(|reader| reader.group() == group);
                place.map(|place| idle.remove(place))
            };
            let mut reader = match kept {
                Some(reader) => reader,
                None => Reader::open(&inner.servers, &group, inner.patience)?,
            };
            let outcome = work(&mut reader);
            let mut idle = lock(&inner.idle);
            idle.push(reader);
            // The one that has not been used for longest.
            let leaving = (idle.len() > IDLE_MAX).then(|| idle.remove(0));
            drop(idle);
            drop(leaving);
            outcome
        });
        done.await.unwrap_or(Err(Error::Silent))
    }

    fn producer(&self) -> Result<FutureProducer, KafkaError> {
        let mut kept = lock(&self.0.producer);
        if let Some(producer) = kept.as_ref().filter(|producer| producer.client().fatal_error().is_none()) {
            return Ok(producer.clone());
        }
        let patience = self.0.patience.as_millis().to_string();
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.0.servers)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", patience)
            .set("linger.ms", "2")
            .create()?;
        *kept = Some(producer.clone());
        Ok(producer)
    }

    pub(super) async fn append(&self, events: &[Event]) -> Result<(), Error> {
        for piece in events.chunks(PIECE_MAX) {
            let (producer, mut sent, mut refused) = (self.producer()?, Vec::with_capacity(piece.len()), None);
            for event in piece {
                let payload = json(event)?;
                let record = FutureRecord::to(&self.0.log)
                    .key(&event.source)
                    .payload(&payload)
                    .partition(number(event.partition()))
                    .timestamp(event.received_ms.0);
                match producer.send_result(record) {
                    Ok(delivery) => sent.push(delivery),
                    Err((error, _)) => {
                        refused = Some(failed(error));
                        break;
                    }
                }
            }
            for delivery in sent {
                if let Err(error) = delivered(delivery).await {
                    refused.get_or_insert(error);
                }
            }
            if let Some(error) = refused {
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) async fn read(&self, partition: i64, after: i64, limit: i64) -> Result<Vec<Logged>, Error> {
        let log = self.0.log.clone();
        self.blocking(None, move |reader| {
            let (low, high) = reader.ends(&log, number(partition))?;
            // Behind a place is Kafka's offset of the same number.
            if after < low {
                return Err(Error::PlaceMissing { partition, first: low + 1, last: high });
            }
            let records = reader.fetch(&log, number(partition), after..high.min(after.saturating_add(limit)), high)?;
            records.into_iter().map(|(offset, payload)| logged(&log, partition, offset, &payload)).collect()
        })
        .await
    }

    pub(super) async fn ends(&self, partition: i64) -> Result<(i64, i64), Error> {
        let log = self.0.log.clone();
        let (low, high) = self.blocking(None, move |reader| reader.ends(&log, number(partition))).await?;
        Ok((low + 1, high))
    }

    pub(super) async fn position(&self, consumer: &str, partition: i64) -> Result<i64, Error> {
        let (inner, name) = (self.0.clone(), consumer.to_owned());
        let standing = move |reader: &mut Reader| {
            position::standing(reader, &inner.log, &inner.positions, &name, partition).map(|standing| standing.position)
        };
        self.blocking(Some(consumer), standing).await
    }

    pub(super) async fn move_on(&self, consumer: &str, partition: i64, (from, to): (i64, i64)) -> Result<bool, Error> {
        self.step(Move { consumer: consumer.to_owned(), partition, from: Some(from), to }).await
    }

    pub(super) async fn rewind(&self, consumer: &str, partition: i64, position: i64) -> Result<(), Error> {
        self.step(Move { consumer: consumer.to_owned(), partition, from: None, to: position }).await.map(drop)
    }

    /// Append a move and see what became of it: what came before it decides.
    async fn step(&self, step: Move) -> Result<bool, Error> {
        let (inner, name, partition) = (self.0.clone(), step.consumer.clone(), step.partition);
        let before = self
            .blocking(Some(&step.consumer), move |reader| {
                position::standing(reader, &inner.log, &inner.positions, &name, partition)
            })
            .await?;
        if step.from.is_some_and(|from| from != before.position) {
            return Ok(false);
        }
        if step.from == Some(step.to) {
            return Ok(true);
        }
        let (producer, payload) = (self.producer()?, json(&step)?);
        let record = FutureRecord::to(&self.0.positions).key(&step.consumer).payload(&payload).partition(0);
        let offset = delivered(producer.send_result(record).map_err(|(error, _)| failed(error))?).await?;
        let (inner, consumer) = (self.0.clone(), step.consumer.clone());
        self.blocking(Some(&consumer), move |reader| {
            let (after, applied) = position::fold(reader, &inner.positions, &step, before, offset + 1)?;
            position::show(reader, &inner.log, partition, after)?;
            Ok(applied)
        })
        .await
    }
}

fn json(what: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(what).map_err(|error| Error::Unfit(error.to_string()))
}

fn failed(error: KafkaError) -> Error {
    match error {
        KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => Error::Full,
        error => Error::Kafka(error),
    }
}

/// The offset of a record, once it is durable.
async fn delivered(delivery: DeliveryFuture) -> Result<i64, Error> {
    match delivery.await {
        Ok(Ok(delivery)) => Ok(delivery.offset),
        Ok(Err((error, _))) => Err(failed(error)),
        Err(_) => Err(Error::Silent),
    }
}

/// An event of ours, in its own partition.
fn logged(log: &str, partition: i64, offset: i64, payload: &[u8]) -> Result<Logged, Error> {
    let unreadable =
        |why: String| Error::Unreadable { topic: log.to_owned(), partition: number(partition), offset, why };
    let event: Event = serde_json::from_slice(payload).map_err(|error| unreadable(error.to_string()))?;
    if event.partition() != partition {
        return Err(unreadable(format!("its source belongs to partition {}", event.partition())));
    }
    Ok(Logged { partition_no: partition, position: offset + 1, event })
}
