//! Kafka as librdkafka plays it, and what only a Kafka can do wrong.

use super::{event, source_in};
use crate::support::full;
use rdkafka::{
    ClientConfig,
    mocking::MockCluster,
    producer::{DefaultProducerContext, FutureProducer, FutureRecord},
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use std::time::Duration;
use weizhan::event_log::{Error, EventLog, kafka::Kafka};

/// Longer than anything takes that comes at all.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Cluster(MockCluster<'static, DefaultProducerContext>);

impl Cluster {
    /// Three brokers with the topics of a log.
    pub fn new() -> Self {
        let cluster = MockCluster::new(3).unwrap();
        cluster.create_topic("events", 4, 3).unwrap();
        cluster.create_topic("events-positions", 1, 3).unwrap();
        Self(cluster)
    }

    pub async fn connect(&self) -> EventLog {
        EventLog::Kafka(Kafka::connect(&self.0.bootstrap_servers(), "events", PATIENCE).await.unwrap())
    }

    /// The next records meet brokers that lost their lead, their followers, the connection; and one that is refused for good.
    pub fn trouble(&self) -> bool {
        use RDKafkaRespErr::{
            RD_KAFKA_RESP_ERR__TRANSPORT as CUT_OFF, RD_KAFKA_RESP_ERR_INVALID_RECORD as INVALID,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS as TOO_FEW, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION as NOT_LEADER,
        };
        for _ in 0..if full() { 10 } else { 1 } {
            self.0.request_errors(RDKafkaApiKey::Produce, &[NOT_LEADER, TOO_FEW, NOT_LEADER, CUT_OFF, INVALID]);
        }
        true
    }

    /// Put something into the log past the adapter.
    async fn put(&self, partition: i32, payload: Option<&[u8]>) -> i64 {
        let producer: FutureProducer =
            ClientConfig::new().set("bootstrap.servers", self.0.bootstrap_servers()).create().unwrap();
        let mut record = FutureRecord::<[u8], [u8]>::to("events").partition(partition);
        record.payload = payload;
        producer.send_result(record).map_err(|(error, _)| error).unwrap().await.unwrap().unwrap().offset
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_ours_is_an_error_that_names_its_offset() {
    let cluster = Cluster::new();
    let log = cluster.connect().await;
    let foreign = serde_json::to_vec(&event(&source_in(3, "foreign"), 1)).unwrap();
    let strange: [(i32, Option<&[u8]>); 4] =
        [(0, Some(b"{\"event_id\":1}")), (1, Some(b"\xff\x00")), (2, Some(foreign.as_slice())), (3, None)];
    for (partition, payload) in strange {
        let own = i64::from(partition);
        let events: Vec<_> = (0..2).map(|number| event(&source_in(own, "own"), number)).collect();
        log.append(&events[..1]).await.unwrap();
        assert_eq!(cluster.put(partition, payload).await, 1);
        log.append(&events[1..]).await.unwrap();
        let why = match log.read(own, 0, 10).await {
            Err(Error::Unreadable { topic, partition: at, offset: 1, why }) => {
                assert_eq!((topic.as_str(), at), ("events", partition));
                why
            }
            other => panic!("{other:?}"),
        };
        println!("{why}");
        // What lies before and behind is read.
        let [before, behind] = [log.read(own, 0, 1).await.unwrap(), log.read(own, 2, 10).await.unwrap()];
        assert_eq!((&before[0].event, before.len()), (&events[0], 1));
        assert_eq!((&behind[0].event, behind[0].position, behind.len()), (&events[1], 3, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_the_topics_of_a_log_is_refused() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("narrow", 3, 1).unwrap();
    cluster.create_topic("narrow-positions", 1, 1).unwrap();
    let refused = Kafka::connect(&cluster.bootstrap_servers(), "narrow", PATIENCE).await;
    assert!(matches!(&refused, Err(Error::Unfit(why)) if why.contains("3 partitions")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_reach_the_cluster_is_told_in_time() {
    let patience = Duration::from_millis(500);
    let cluster = Cluster::new();
    let servers = cluster.0.bootstrap_servers();
    let log = EventLog::Kafka(Kafka::connect(&servers, "events", patience).await.unwrap());
    cluster.0.broker_down(-1).unwrap();
    assert!(log.append(&[event("away", 1)]).await.is_err(), "nobody could have taken it");
    assert!(log.read(0, 0, 1).await.is_err() && log.position("away", 0).await.is_err());
    assert!(Kafka::connect(&servers, "events", patience).await.is_err());
}
