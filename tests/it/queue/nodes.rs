//! Three nodes on one database: what recurs fires once, nothing is lost when workers die, and no effect comes twice.

use super::{LEASE, enqueue};
use crate::support::{
    app::{Setup, TestApp},
    full,
    rows::same,
};
use std::time::Duration;
use weizhan::{
    compute::{lease::Lease, schedule},
    data,
    model::{
        job::{Claim, Job, JobState, Work},
        time::minutes,
    },
};

async fn three() -> [TestApp; 3] {
    let node = async |number: &str, database_url: Option<String>| {
        let overrides = vec![
            ("node.id", number.to_owned()),
            ("database.acquire_timeout_ms", "60000".to_owned()),
            // WeChat's figures are asked for again while there are none.
            ("figures.import_visits", "false".to_owned()),
        ];
        TestApp::with(Setup { overrides, database_url, ..Setup::default() }).await
    };
    let first = node("0", None).await;
    let url = Some(first.app.config.database.url.expose().to_owned());
    let (second, third) = (node("1", url.clone()).await, node("2", url).await);
    [first, second, third]
}

async fn end(nodes: [TestApp; 3]) {
    let [first, second, third] = nodes;
    third.end().await;
    second.end().await;
    first.end().await;
}

#[tokio::test]
async fn each_of_a_thousand_ticks_fires_once_over_three_nodes() {
    let nodes = three().await;
    let ticks: i64 = if full() { 1_000 } else { 100 };
    let leases = || [0, 1, 2].map(|place: usize| Lease::new(&nodes[place].app, "schedule"));
    let mut held = leases();
    let mut fired = 0;
    for tick in 0..ticks {
        for (place, lease) in held.iter_mut().enumerate() {
            schedule::turn(&nodes[place].app, lease).await.unwrap();
            // And as if all led, each under a lease of its own.
            let own = ["a", "b", "c"][(place + usize::try_from(tick).unwrap()) % 3];
            schedule::turn(&nodes[place].app, &mut Lease::new(&nodes[place].app, own)).await.unwrap();
        }
        assert_eq!(nodes[0].number("SELECT COUNT(*) FROM jobs WHERE kind = 'clean_up' AND state = 'ready'").await, 1);
        for node in &nodes {
            fired += node.run_jobs().await;
        }
        for node in &nodes {
            node.advance(minutes(60));
        }
    }
    // The finished ones are kept for fourteen days: what ran is counted as it ran. Three kinds are due each hour, and three
    // each day; of the day that ends with the last tick some may be due and not the others.
    let days = (ticks * 60 + 90) / 1_440;
    let (fired, due) = (i64::try_from(fired).unwrap(), 3 * ticks + 3 * days);
    println!("{ticks} ticks over 3 nodes: {fired} jobs ran in {days} days");
    assert!((due..=due + 4).contains(&fired), "{fired} jobs in {ticks} ticks and {days} days");
    end(nodes).await;
}

/// The effect of a job: a row that bears no second of its kind, committed with the end of the job.
async fn perform(node: &TestApp, job: &Job, keyed: bool) -> bool {
    let mut session = node.app.database.write().await.unwrap();
    let Work::CleanUp { slot } = job.work else { panic!("{:?}", job.work) };
    session.execute(same(format!("INSERT INTO effects (job) VALUES ({slot})")), ()).await.unwrap();
    let now = node.app.now();
    let held = data::job::finish(&mut session, &job.claim, now).await.unwrap();
    if held || !keyed {
        session.commit().await.unwrap();
    }
    held
}

async fn take(node: &TestApp, limit: i64, token: i64) -> Vec<Job> {
    let now = node.app.now();
    let mut session = node.app.database.write().await.unwrap();
    data::job::sweep(&mut session, now).await.unwrap();
    let jobs = data::job::claim(&mut session, limit, token, now.plus(LEASE), now).await.unwrap();
    session.commit().await.unwrap();
    jobs
}

async fn effects(node: &TestApp) {
    node.rows().execute("CREATE TABLE effects (job BIGINT NOT NULL)").await;
}

/// Workers take jobs and do them, are killed before they begin, between the effect and its commit, or freeze beyond their
/// lease and go on. The control is a worker that commits its effect whether it holds the lease or not.
async fn with_kills(count: i64, keyed: bool) -> (i64, i64, i64) {
    let nodes = three().await;
    effects(&nodes[0]).await;
    enqueue(&nodes[0], 0..count).await;
    nodes[0].rows().execute("UPDATE jobs SET attempts_max = 1000000").await;
    let (mut dice, mut kills, mut frozen) = (0x2545_f491_4f6c_dd1d_u64, 0, Vec::<(usize, Job)>::new());
    let mut roll = |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let mut token = 0;
    while data::job::next_due(&mut nodes[0].app.database.read().await.unwrap()).await.unwrap().is_some()
        || nodes[0].number("SELECT COUNT(*) FROM jobs WHERE state = 'running'").await > 0
    {
        let place = usize::try_from(roll(3)).unwrap();
        token += 1;
        for job in take(&nodes[place], 8, token).await {
            match roll(8) {
                0 => kills += 1,
                1 => {
                    kills += 1;
                    let mut session = nodes[place].app.database.write().await.unwrap();
                    session.execute(same("INSERT INTO effects (job) VALUES (-1)".to_owned()), ()).await.unwrap();
                    assert!(data::job::finish(&mut session, &job.claim, nodes[place].app.now()).await.unwrap());
                }
                2 => frozen.push((place, job)),
                _ => assert!(perform(&nodes[place], &job, keyed).await),
            }
        }
        for node in &nodes {
            node.advance(Duration::from_secs(7));
        }
        // Those that were frozen long enough wake, and others have had their jobs meanwhile or not.
        if frozen.len() > 12 {
            for (place, job) in frozen.drain(..6).collect::<Vec<_>>() {
                perform(&nodes[place], &job, keyed).await;
            }
        }
    }
    for (place, job) in std::mem::take(&mut frozen) {
        assert!(!perform(&nodes[place], &job, keyed).await);
    }
    let done = nodes[0].number("SELECT COUNT(*) FROM jobs WHERE state = 'done'").await;
    let rows = nodes[0].number("SELECT COUNT(*) FROM effects").await;
    let unique = nodes[0].number("SELECT COUNT(DISTINCT job) FROM effects").await;
    println!(
        "{count} jobs, {kills} kills, lease {}: {done} done, {rows} effects, {unique} of them different",
        if keyed { "kept" } else { "ignored" }
    );
    nodes[0].rows().execute("DROP TABLE effects").await;
    end(nodes).await;
    (done, rows, unique)
}

#[tokio::test]
async fn no_job_is_lost_and_no_effect_comes_twice_however_workers_die() {
    let count = if full() { 10_000 } else { 300 };
    assert_eq!(with_kills(count, true).await, (count, count, count));
}

#[tokio::test]
async fn a_worker_that_ignores_its_lease_does_it_twice() {
    let (done, rows, unique) = with_kills(100, false).await;
    assert_eq!((done, unique), (100, 100));
    assert!(rows > 100, "the control finds nothing, so the test above shows nothing");
}

#[tokio::test]
async fn a_worker_that_was_frozen_beyond_its_lease_has_no_effect() {
    let nodes = three().await;
    effects(&nodes[0]).await;
    enqueue(&nodes[0], [7]).await;
    let frozen = take(&nodes[0], 1, 1).await.remove(0);
    nodes[1].advance(LEASE + Duration::from_millis(1));
    let other = take(&nodes[1], 1, 2).await.remove(0);
    assert_eq!(other.claim.attempt, 2);
    assert!(perform(&nodes[1], &other, true).await);
    assert!(!perform(&nodes[0], &frozen, true).await);
    let forged = Job { claim: Claim { attempt: 2, ..frozen.claim.clone() }, ..frozen };
    assert!(!perform(&nodes[0], &forged, true).await);
    assert_eq!(nodes[0].number("SELECT COUNT(*) FROM effects").await, 1);
    let mut session = nodes[0].app.database.read().await.unwrap();
    assert_eq!(data::job::count(&mut session, JobState::Done).await.unwrap(), 1);
    drop(session);
    nodes[0].rows().execute("DROP TABLE effects").await;
    end(nodes).await;
}
