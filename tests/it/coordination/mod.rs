//! Coordination: one suite of claims ([`claim`]) that every engine is held to. The database always; a `ZooKeeper` when the
//! feature is on and one is installed.

mod claim;

use crate::support::app::{Setup, TestApp};
#[cfg(feature = "zookeeper")]
use crate::support::{proxy::Proxy, servers};
use std::time::Duration;
use weizhan::{
    coordination::{Coordinator, Kind, embedded::Embedded},
    model::time::minutes,
};

/// Two processes that coordinate. The first can be frozen.
pub struct Stand {
    pub one: Coordinator,
    pub other: Coordinator,
    engine: Engine,
}

enum Engine {
    Embedded(Box<TestApp>, Box<TestApp>),
    #[cfg(feature = "zookeeper")]
    ZooKeeper(Proxy),
}

impl Stand {
    /// Two nodes on one database, each with a clock of its own.
    async fn embedded() -> Self {
        let lease = ("node.lease_ms", "60000".to_owned());
        let one = TestApp::with(Setup { overrides: vec![lease.clone()], ..Setup::default() }).await;
        let database_url = Some(one.app.config.database.url.expose().to_owned());
        let overrides = vec![lease, ("node.id", "1".to_owned())];
        let other = TestApp::with(Setup { overrides, database_url, ..Setup::default() }).await;
        let coordinator = |app: &TestApp| Coordinator::Embedded(Embedded::new(&app.app));
        Self {
            one: coordinator(&one),
            other: coordinator(&other),
            engine: Engine::Embedded(Box::new(one), Box::new(other)),
        }
    }

    /// Two clients of one server, the first on a road that can be closed. `None` where there is no server.
    #[cfg(feature = "zookeeper")]
    async fn zookeeper() -> Option<Self> {
        use weizhan::coordination::zookeeper::ZooKeeper;
        let server = servers::zookeeper()?;
        let proxy = Proxy::to(server.port()).await;
        let connect = async |port: u16| {
            let connected = ZooKeeper::connect(&format!("127.0.0.1:{port}"), Duration::from_secs(4)).await;
            Coordinator::ZooKeeper(connected.expect("it answers"))
        };
        let (one, other) = (connect(proxy.port()).await, connect(server.port()).await);
        Some(Self { one, other, engine: Engine::ZooKeeper(proxy) })
    }

    /// From now on the first gives no sign of life, and does not know.
    fn freeze(&self) {
        match &self.engine {
            // Silence is enough.
            Engine::Embedded(..) => {}
            #[cfg(feature = "zookeeper")]
            Engine::ZooKeeper(road) => road.black_hole(),
        }
    }

    /// Until the sessions of the frozen have ended, of which one has this name.
    async fn outlast(&self, name: &str) {
        match &self.engine {
            Engine::Embedded(_, other) => other.advance(minutes(2)),
            #[cfg(feature = "zookeeper")]
            Engine::ZooKeeper(_) => while self.other.find(Kind::Name, name).await.unwrap().is_some() {},
        }
        assert_eq!(self.other.find(Kind::Name, name).await.unwrap(), None);
    }

    /// The first goes on, as late as the others are by now.
    fn wake(&self) {
        match &self.engine {
            Engine::Embedded(one, _) => one.advance(minutes(2)),
            #[cfg(feature = "zookeeper")]
            Engine::ZooKeeper(road) => {
                road.heal();
                road.cut();
            }
        }
    }

    async fn end(self) {
        match self.engine {
            Engine::Embedded(one, other) => {
                other.end().await;
                one.end().await;
            }
            #[cfg(feature = "zookeeper")]
            Engine::ZooKeeper(_) => {}
        }
    }
}

/// Longer than anything takes that comes at all.
const PATIENCE: Duration = Duration::from_mins(1);

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
        #[cfg(feature = "zookeeper")]
        mod zookeeper {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    let Some(stand) = super::Stand::zookeeper().await else {
                        println!("skipped: no ZooKeeper here; tests/setup --engines installs it");
                        return;
                    };
                    super::claim::$claim(&stand).await;
                    stand.end().await;
                }
            )+
        }
    };
}

suite! {
    a_name_has_one_owner_at_a_time,
    what_a_frozen_owner_writes_late_is_refused,
    the_names_of_a_dead_session_are_free_and_those_of_a_living_one_are_not,
    a_name_that_was_given_back_is_free_at_once,
    leadership_goes_over_and_its_terms_grow,
    of_changes_at_the_same_moment_one_wins,
    a_watch_sees_the_last_value,
    a_watch_that_was_cut_off_sees_what_it_missed,
    what_is_no_name_is_refused,
}
