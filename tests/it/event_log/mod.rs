//! The log of events as a port: one suite of claims ([`claim`]) that every engine is held to. The database always; Kafka,
//! played by librdkafka's mock cluster, when the feature is on.

mod claim;
#[cfg(feature = "kafka")]
mod kafka;

use crate::support::app::{Setup, TestApp};
use weizhan::{
    data,
    event_log::{EventLog, embedded::Embedded},
    model::{
        event::{Event, EventKind},
        id::ProductId,
        money::Fen,
        time::{Timestamp, days},
    },
};

/// Two clients of one log.
pub struct Stand {
    pub one: EventLog,
    pub other: EventLog,
    engine: Engine,
}

enum Engine {
    Embedded(Box<TestApp>, Box<TestApp>),
    #[cfg(feature = "kafka")]
    Kafka(kafka::Cluster),
}

impl Stand {
    /// Two nodes on one database.
    async fn embedded() -> Self {
        let one = TestApp::crowded().await;
        let database_url = Some(one.app.config.database.url.expose().to_owned());
        let patient = ("database.acquire_timeout_ms", "60000".to_owned());
        let overrides = vec![patient, ("node.id", "1".to_owned())];
        let other = TestApp::with(Setup { overrides, database_url, ..Setup::default() }).await;
        let log = |app: &TestApp| EventLog::Embedded(Embedded::new(&app.app));
        Self { one: log(&one), other: log(&other), engine: Engine::Embedded(Box::new(one), Box::new(other)) }
    }

    /// Two clients of one cluster of three brokers.
    #[cfg(feature = "kafka")]
    async fn kafka() -> Self {
        let cluster = kafka::Cluster::new();
        Self { one: cluster.connect().await, other: cluster.connect().await, engine: Engine::Kafka(cluster) }
    }

    /// Another client, which knows nothing.
    #[cfg_attr(
        not(feature = "kafka"),
        expect(clippy::unused_async, reason = "only a cluster is reached over a network")
    )]
    async fn newcomer(&self) -> EventLog {
        match &self.engine {
            Engine::Embedded(one, _) => EventLog::Embedded(Embedded::new(&one.app)),
            #[cfg(feature = "kafka")]
            Engine::Kafka(cluster) => cluster.connect().await,
        }
    }

    /// Whether an event told again is absorbed by the log, or by whoever reads it.
    const fn absorbs(&self) -> bool {
        match &self.engine {
            Engine::Embedded(..) => true,
            #[cfg(feature = "kafka")]
            Engine::Kafka(_) => false,
        }
    }

    /// Make it hard to append: others' transactions hold the heads and come to nothing, brokers refuse. Whether some that
    /// append now must be refused for good.
    async fn trouble(&self) -> bool {
        match &self.engine {
            Engine::Embedded(_, other) => {
                for round in 0..5 {
                    let mut session = other.app.database.write().await.unwrap();
                    let nobody: Vec<Event> =
                        (0..20).map(|number| event(&format!("nobody-{number:04}"), round)).collect();
                    data::event::append(&mut session, &nobody).await.unwrap();
                    tokio::task::yield_now().await;
                }
                false
            }
            #[cfg(feature = "kafka")]
            Engine::Kafka(cluster) => cluster.trouble(),
        }
    }

    /// Delete some events of a partition, as time does.
    async fn forget(&self, partition: i64) {
        match &self.engine {
            Engine::Embedded(one, _) => {
                let mut session = one.app.database.write().await.unwrap();
                let before = one.app.now().plus(days(1));
                assert_eq!(data::event::trim(&mut session, partition, before, 5).await.unwrap(), 5);
                session.commit().await.unwrap();
            }
            // The mock cluster keeps 5 MiB of each partition.
            #[cfg(feature = "kafka")]
            Engine::Kafka(_) => {
                for number in 0..60 {
                    let mut large = event(&source_in(partition, "large"), number);
                    large.detail = "x".repeat(100_000);
                    self.one.append(&[large]).await.unwrap();
                }
            }
        }
    }

    async fn end(self) {
        match self.engine {
            Engine::Embedded(one, other) => {
                other.end().await;
                one.end().await;
            }
            #[cfg(feature = "kafka")]
            Engine::Kafka(_) => {}
        }
    }
}

/// The event of a source that has this number.
fn event(source: &str, number: i64) -> Event {
    Event {
        event_id: format!("{source}:{number}"),
        source: source.to_owned(),
        visitor: format!("s{source}"),
        kind: EventKind::Search,
        occurred_ms: Timestamp(1_795_406_300_000 + number),
        received_ms: Timestamp(1_795_406_400_000 + number),
        page: "pages/search/index".to_owned(),
        channel: "1001".to_owned(),
        product_id: (number % 2 == 0).then_some(ProductId(8_814_711_111_741_953)),
        amount_fen: Fen(number),
        name: "龙井 \"2026\"".to_owned(),
        detail: r#"{"a":"b"}"#.to_owned(),
    }
}

/// A source whose events are in this partition.
fn source_in(partition: i64, name: &str) -> String {
    let names = (0..).map(|number| format!("{name}-{number}"));
    names.into_iter().find(|source| event(source, 0).partition() == partition).unwrap()
}

/// One test for each claim and engine.
macro_rules! suite {
    ($($claim:ident),+ $(,)?) => {
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    let stand = super::Stand::embedded().await;
                    super::claim::$claim(&stand).await;
                    stand.end().await;
                }
            )+
        }
        #[cfg(feature = "kafka")]
        mod mock {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    let stand = super::Stand::kafka().await;
                    super::claim::$claim(&stand).await;
                    stand.end().await;
                }
            )+
        }
    };
}

suite! {
    the_order_of_a_source_is_kept_however_many_append,
    places_are_dense_from_the_first_on,
    what_was_acknowledged_is_read_by_another,
    a_replay_from_any_place_gives_the_same,
    an_event_told_again_is_the_same_by_its_id,
    consumers_have_positions_of_their_own,
    a_position_outlives_its_client,
    what_a_frozen_consumer_commits_late_is_refused,
    of_moves_at_the_same_moment_one_counts,
    lag_is_what_is_left,
    while_the_log_is_in_trouble_what_is_acknowledged_is_there_once,
    what_was_deleted_is_told_of,
    what_is_unfit_is_refused,
}
