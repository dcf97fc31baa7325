//! All that waits inside librdkafka. To be called on threads for blocking work only.

use super::Error;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{
    ops::Range,
    time::{Duration, Instant},
};

/// How much is fetched ahead of who reads, in KiB.
const AHEAD_KB: &str = "4096";

/// A client that reads where it is told to, and reads and writes the committed offsets of one group, of which it never
/// becomes a member.
pub(super) struct Reader {
    consumer: BaseConsumer,
    group: String,
    patience: Duration,
    /// Where it goes on without being placed anew.
    next: Option<(String, i32, i64)>,
}

impl Reader {
    pub(super) fn open(servers: &str, group: &str, patience: Duration) -> Result<Self, Error> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("queued.max.messages.kbytes", AHEAD_KB)
            // It is told to read what is there; waiting for more would only keep it from the next place.
            .set("fetch.wait.max.ms", "5")
            .create()?;
        Ok(Self { consumer, group: group.to_owned(), patience, next: None })
    }

    pub(super) fn group(&self) -> &str {
        &self.group
    }

    /// How many partitions a topic has; none if it is not there.
    pub(super) fn partitions(&self, topic: &str) -> Result<usize, Error> {
        let metadata = self.consumer.fetch_metadata(Some(topic), self.patience)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        Ok(found.map_or(0, |found| found.partitions().len()))
    }

    /// The first offset that is still there, and the next one that will be.
    pub(super) fn ends(&self, topic: &str, partition: i32) -> Result<(i64, i64), Error> {
        Ok(self.consumer.fetch_watermarks(topic, partition, self.patience)?)
    }

    /// The records with these offsets, all of which must be there, of a partition that ends at `high`.
    pub(super) fn fetch(
        &mut self,
        topic: &str,
        partition: i32,
        offsets: Range<i64>,
        high: i64,
    ) -> Result<Vec<(i64, Vec<u8>)>, Error> {
        let mut records = Vec::new();
        if offsets.is_empty() {
            return Ok(records);
        }
        let start = (topic.to_owned(), partition, offsets.start);
        // Until it is read to the end nobody knows where it stands.
        if self.next.take().as_ref() != Some(&start) {
            let mut place = TopicPartitionList::new();
            place.add_partition_offset(topic, partition, Offset::Offset(offsets.start))?;
            self.consumer.assign(&place)?;
        }
        let (deadline, mut next) = (Instant::now() + self.patience, offsets.start);
        let mut trouble = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
        while next < offsets.end {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(trouble.into());
            }
            let message = match self.consumer.poll(left) {
                Some(Ok(message)) => message,
                Some(Err(error)) if is_passing(&error) => {
                    trouble = error;
                    continue;
                }
                Some(Err(error)) => return Err(error.into()),
                None => continue,
            };
            // What was fetched for whoever read before.
            if message.topic() != topic || message.partition() != partition || message.offset() < next {
                continue;
            }
            let unreadable = |why: &str| {
                Err(Error::Unreadable { topic: topic.to_owned(), partition, offset: next, why: why.to_owned() })
            };
            if message.offset() > next {
                return unreadable("it is not there, though others behind it are");
            }
            let Some(payload) = message.payload() else { return unreadable("it says nothing") };
            records.push((next, payload.to_vec()));
            next += 1;
        }
        if next < high {
            self.next = Some((topic.to_owned(), partition, next));
        } else {
            // Nobody asks the brokers for more until somebody wants it.
            self.consumer.unassign()?;
        }
        Ok(records)
    }

    /// The committed offset of the group, with what was said with it.
    pub(super) fn committed(&self, topic: &str, partition: i32) -> Result<Option<(i64, String)>, Error> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition(topic, partition);
        let found = self.consumer.committed_offsets(asked, self.patience)?;
        let Some(found) = found.find_partition(topic, partition) else { return Ok(None) };
        found.error()?;
        let Offset::Offset(offset) = found.offset() else { return Ok(None) };
        Ok(Some((offset, found.metadata().to_owned())))
    }

    /// Commit an offset for the group, without waiting for it.
    pub(super) fn commit(&self, topic: &str, partition: i32, offset: i64, said: &str) -> Result<(), Error> {
        let mut place = TopicPartitionList::new();
        let mut own = place.add_partition(topic, partition);
        own.set_offset(Offset::Offset(offset))?;
        own.set_metadata(said);
        Ok(self.consumer.commit(&place, CommitMode::Async)?)
    }
}

/// What librdkafka tells of and tries again by itself.
fn is_passing(error: &KafkaError) -> bool {
    let passing = [
        RDKafkaErrorCode::BrokerTransportFailure,
        RDKafkaErrorCode::AllBrokersDown,
        RDKafkaErrorCode::Resolve,
        RDKafkaErrorCode::OperationTimedOut,
        RDKafkaErrorCode::NotLeaderForPartition,
        RDKafkaErrorCode::NotCoordinator,
        RDKafkaErrorCode::CoordinatorNotAvailable,
        RDKafkaErrorCode::CoordinatorLoadInProgress,
    ];
    error.rdkafka_error_code().is_some_and(|code| passing.contains(&code))
}
