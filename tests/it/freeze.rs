//! Claimed: a leader that freezes for three times its lease is replaced, and when it wakes, nothing that it still wanted to
//! write is accepted; no period begins twice.
//!
//! Shown: processes of their own lead in turn on a MariaDB, under the lease of the schedule, and each period write which
//! epoch they believe in beside the one that is true at that moment. The leader is stopped (SIGSTOP), mostly between knowing
//! that it leads and writing, and goes on after three leases. Without the guard the same processes do write what is stale:
//! that is the control.
//!
//! A process is this test binary again, asked for one of the tests below, where [`lead`] takes over: the lease and the guard are those of production, only the
//! period is shorter than any that production has.

use crate::support::{
    app::fresh_mariadb, environment, full, node::Deployment, rows::same, servers, servers::ServerProcess, variable,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use weizhan::{
    app::{App, Role, SystemClock},
    compute::lease::{Lease, Term},
    config::Config,
    data::{self, Database, Session, Sql},
    model::{id::JobId, job::Work},
    service::{Fault, job::subject},
};

const LEASE: &str = "schedule";
/// What a process guards its writes by: `both`, `rows` or `none`.
const GUARD: &str = "WEIZHAN_TEST_GUARD";
const PERIOD_MS: i64 = 100;
/// Between knowing and writing.
const THOUGHT: Duration = Duration::from_millis(200);
const FIRE: Sql = Sql {
    name: "test::FIRE",
    mysql: "INSERT INTO fires (slot, epoch, present) VALUES (?, ?, (SELECT epoch FROM leases WHERE name = 'schedule'))",
    sqlite: "",
};

/// What a process does until it is killed.
async fn lead(guard: &str) -> ! {
    let config = Config::load(None, environment().into_iter(), &[]).unwrap();
    // Where a node listens is where the test finds its process.
    let role = Role::Server(std::process::id().to_string());
    let app = App::open(config, Arc::new(SystemClock), role).await.unwrap();
    let mut lease = Lease::new(&app, LEASE);
    loop {
        // A database that is busy, or a frozen leader's lock, is tried again.
        let _ = app.beat().await;
        if let Ok(Some(term)) = lease.hold(&app).await {
            tokio::time::sleep(THOUGHT).await;
            let _ = fire(&app, &lease, term, guard).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Begin the period, as the schedule does.
async fn fire(app: &App, lease: &Lease, term: Term, guard: &str) -> Result<(), Fault> {
    let slot = term.now.0.div_euclid(PERIOD_MS) * PERIOD_MS;
    let mut session = app.database.write().await?;
    match guard {
        "both" => lease.guard(app, &mut session).await?,
        "rows" if !data::lease::guard(&mut session, LEASE, term.epoch).await? => return Err(Fault::broken("stale")),
        _ => {}
    }
    let work = Work::CleanUp { slot };
    let (id, key) = (app.ids.next(JobId), subject(&work));
    if data::job::enqueue(&mut session, id, &work, term.now, Some(&key), term.now).await? {
        session.execute(FIRE, (slot, term.epoch)).await?;
        session.commit().await?;
    }
    Ok(())
}

/// Processes that lead in turn.
struct Crew {
    shop: Deployment,
    database: Database,
    processes: BTreeMap<u32, ServerProcess>,
    lease: Duration,
}

impl Crew {
    async fn new(guard: &str) -> Self {
        let mut shop = Deployment::new().await;
        let url = fresh_mariadb(&servers::mariadb().url_base()).await;
        let lease = Duration::from_millis(if full() { 1_000 } else { 800 });
        shop.set("database.url", url.leak());
        shop.set("database.connections_max", "4");
        shop.set("database.callback_connections", "1");
        shop.set("node.lease_ms", lease.as_millis().to_string().leak());
        let database = Database::open(&shop.config().database).await.unwrap();
        let mut session = database.write().await.unwrap();
        let table = "CREATE TABLE fires (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, slot BIGINT NOT NULL,
                     epoch BIGINT NOT NULL, present BIGINT NOT NULL)";
        session.execute(same(table.to_owned()), ()).await.unwrap();
        drop(session);
        let own = std::env::current_exe().unwrap();
        let arguments = ["freeze::a_frozen_leader_writes_nothing_when_it_wakes", "--exact", "--nocapture"];
        let processes = (0..3).map(|_| shop.start_with(&own, &arguments, &[(GUARD, guard)]));
        let processes = processes.map(|process| (process.pid(), process)).collect();
        Self { shop, database, processes, lease }
    }

    async fn read(&self) -> Session {
        self.database.read().await.unwrap()
    }

    async fn number(&self, text: &str) -> i64 {
        self.read().await.number(same(text.to_owned()), ()).await.unwrap()
    }

    /// The process that leads, and its epoch; waits until one does.
    async fn leader(&self) -> (u32, i64) {
        let text = "SELECT n.address, l.epoch FROM leases l JOIN nodes n ON n.holder = l.holder
                    WHERE l.name = 'schedule' AND n.state = 'serving'";
        for _ in 0..6_000 {
            let found = self.read().await.optional::<(String, i64)>(same(text.to_owned()), ()).await.unwrap();
            let found = found.and_then(|(pid, epoch)| Some((pid.parse().ok()?, epoch)));
            if let Some((pid, epoch)) = found.filter(|(pid, _)| self.processes.contains_key(pid)) {
                return (pid, epoch);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody leads:\n{}", self.logs());
    }

    fn logs(&self) -> String {
        self.processes.values().map(ServerProcess::log).next().unwrap_or_default()
    }

    /// Wait until more periods have begun.
    async fn go_on(&self) {
        let before = self.number("SELECT COUNT(*) FROM fires").await;
        for _ in 0..6_000 {
            if self.number("SELECT COUNT(*) FROM fires").await > before + 2 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no period begins any more:\n{}", self.logs());
    }

    /// Freeze the leader for three leases; whether another led before it woke.
    async fn freeze(&mut self, round: u32) -> bool {
        self.go_on().await;
        let (pid, epoch) = self.leader().await;
        // Another moment of its turn each time.
        tokio::time::sleep(Duration::from_millis(u64::from(round * 37 % 100))).await;
        self.processes.get_mut(&pid).unwrap().signal("STOP");
        tokio::time::sleep(self.lease * 3).await;
        let replaced = self.leader().await.1 > epoch;
        self.processes.get_mut(&pid).unwrap().signal("CONT");
        self.go_on().await;
        replaced
    }

    /// Writes whose epoch was not the present one.
    async fn stale(&self) -> i64 {
        self.number("SELECT COUNT(*) FROM fires WHERE epoch <> present").await
    }

    async fn end(self) -> (i64, i64) {
        drop(self.processes);
        let mut session = self.database.read().await.unwrap();
        let mut terms = data::lease::list(&mut session, LEASE, i64::from(i32::MAX)).await.unwrap();
        terms.reverse();
        let epochs: Vec<_> = terms.iter().map(|term| term.epoch).collect();
        let all: Vec<_> = (1..=i64::try_from(terms.len()).unwrap()).collect();
        assert_eq!(epochs, all, "each epoch is one more than the last");
        assert!(terms.is_sorted_by_key(|term| term.started_ms), "and began later");
        let count = async |session: &mut Session, text: &str| session.number(same(text.to_owned()), ()).await.unwrap();
        let fires = count(&mut session, "SELECT COUNT(*) FROM fires").await;
        assert_eq!(count(&mut session, "SELECT COUNT(DISTINCT slot) FROM fires").await, fires, "a period began twice");
        assert_eq!(count(&mut session, "SELECT COUNT(*) FROM jobs WHERE kind = 'clean_up'").await, fires);
        drop(session);
        self.database.close().await;
        drop(self.shop);
        (fires, epochs.len().try_into().unwrap())
    }
}

async fn frozen(guard: &str, rounds: u32) {
    let mut crew = Crew::new(guard).await;
    let mut replaced = 0;
    for round in 0..rounds {
        replaced += u32::from(crew.freeze(round).await);
        assert_eq!(crew.stale().await, 0, "round {round}: a stale write was accepted");
    }
    let (fires, terms) = crew.end().await;
    println!(
        "{guard}: frozen {rounds} times, replaced {replaced} times meanwhile, {terms} terms, {fires} periods, 0 stale"
    );
    // One that is frozen within its transaction keeps its lock, and nobody can replace it before it wakes.
    assert!(replaced > 0, "the leader was never replaced");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_leader_writes_nothing_when_it_wakes() {
    if let Some(guard) = variable(GUARD) {
        lead(&guard).await;
    }
    frozen("both", if full() { 50 } else { 3 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guard_of_the_rows_is_enough_by_itself() {
    frozen("rows", if full() { 20 } else { 3 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_stale_write_is_accepted() {
    let mut crew = Crew::new("none").await;
    for round in 0..20 {
        crew.freeze(round).await;
        let stale = crew.stale().await;
        if stale > 0 {
            println!("none: {stale} stale writes after {} rounds", round + 1);
            crew.end().await;
            return;
        }
    }
    panic!("the control finds nothing, so the tests above show nothing");
}
