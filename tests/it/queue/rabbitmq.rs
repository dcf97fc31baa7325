//! A `RabbitMQ` behind the suite, and what is to be shown of it alone.

use super::{bind, binding, conformance::Port, enqueue};
use crate::support::{app::TestApp, full, proxy::Proxy, servers};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use weizhan::{
    config::Secret,
    model::{binding::Binding, job::Work},
    queue::{
        Delivery, Error, Fate, Message, forward,
        rabbitmq::{Options, RabbitMq},
    },
};

pub const SKIPPED: &str = "skipped: no RabbitMQ here; tests/setup --engines installs it";
/// How long a message waits after it failed: long enough that the next look does not see it yet.
const WAIT: Duration = Duration::from_millis(200);
/// Longer than anything takes that comes at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// Its own exchanges and queues, at this port of the loopback.
fn broker(port: u16, prefix: &str, steps: &[Duration]) -> RabbitMq {
    let url = Secret::new(format!("amqp://guest:guest@127.0.0.1:{port}/%2f"));
    RabbitMq::new(Options { prefix: prefix.to_owned(), steps: steps.to_vec(), prefetch: 2, ..Options::new(url) })
}

fn message(key: &str, number: i64) -> Message {
    let subject = format!("clean_up:{number}");
    Message { id: number.to_string(), key: key.to_owned(), subject, work: Work::CleanUp { slot: number } }
}

fn number(delivery: &Delivery) -> i64 {
    let Work::CleanUp { slot } = delivery.message.work else { panic!("{:?}", delivery.message) };
    slot
}

/// Ask until the answer is yes; while the connection is away there is none.
async fn until(mut done: impl AsyncFnMut() -> Result<bool, Error>) {
    let began = Instant::now();
    loop {
        let answer = done().await;
        if matches!(answer, Ok(true)) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "it does not come: {answer:?}");
    }
}

/// A broker for the suite, over a road that can be cut.
pub struct Broker {
    client: RabbitMq,
    road: Proxy,
    /// What will be in a queue once those who hold it are gone and waits are over.
    back: BTreeMap<String, u32>,
}

impl Broker {
    /// `None` where there is no server.
    pub async fn new(prefix: &str) -> Option<Self> {
        let server = servers::rabbitmq()?;
        let road = Proxy::to(server.port()).await;
        Some(Self { client: broker(road.port(), prefix, &[WAIT]), road, back: BTreeMap::new() })
    }
}

impl Port for Broker {
    /// With the queue it came from.
    type Delivery = (String, Delivery);
    async fn bind(&mut self, bindings: Vec<Binding>) {
        self.client.bind(bindings).await.unwrap();
    }
    async fn publish(&mut self, key: &str, number: i64) -> usize {
        self.client.publish(&message(key, number)).await.unwrap()
    }
    async fn consume(&mut self, queue: &str) -> Option<(i64, Self::Delivery)> {
        let delivery = self.client.take(queue).await.unwrap()?;
        *self.back.entry(queue.to_owned()).or_default() += 1;
        Some((number(&delivery), (queue.to_owned(), delivery)))
    }
    async fn ack(&mut self, (queue, delivery): Self::Delivery) -> bool {
        let done = delivery.ack().await;
        if done {
            *self.back.get_mut(&queue).unwrap() -= 1;
        }
        done
    }
    async fn nack(&mut self, (queue, delivery): Self::Delivery) {
        match delivery.nack("nack").await.unwrap() {
            Fate::Later => {}
            Fate::Dead => *self.back.get_mut(&queue).unwrap() -= 1,
            Fate::Lost => panic!("it was not ours"),
        }
    }
    async fn dead(&mut self) -> Vec<i64> {
        let dead = self.client.dead(100).await.unwrap();
        // They go back one after the other, as anything does at a broker.
        let count = u32::try_from(dead.len()).unwrap();
        until(async || Ok(self.client.count_dead().await? == count)).await;
        let slot = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["slot"].as_i64().unwrap();
        dead.iter().map(|dead| slot(&dead.work)).collect()
    }
    async fn redrive(&mut self, queue: &str) -> usize {
        let count = self.client.count_dead().await.unwrap();
        let moved = self.client.redrive(Some(queue), 100).await.unwrap();
        let left = count - u32::try_from(moved).unwrap();
        until(async || Ok(self.client.count_dead().await? == left)).await;
        moved
    }
    /// The broker's clock is its own: who was silent is cut off, and then what must come back is waited for.
    async fn pass(&mut self, _: Duration) {
        self.road.cut();
        for (queue, count) in std::mem::take(&mut self.back) {
            until(async || Ok(self.client.waiting(&queue).await? >= count)).await;
        }
    }
}

macro_rules! server_or_skip {
    ($server:expr) => {
        match $server {
            Some(server) => server,
            None => {
                println!("{SKIPPED}");
                return;
            }
        }
    };
}

/// Everything of a queue, acknowledged.
async fn drain(broker: &RabbitMq, queue: &str, into: &mut Vec<i64>) -> Result<(), Error> {
    while let Some(delivery) = broker.take(queue).await? {
        let number = number(&delivery);
        if delivery.ack().await {
            into.push(number);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_confirmed_is_delivered_though_the_broker_is_killed() {
    let server = server_or_skip!(servers::Rabbitmq::private());
    let broker = broker(server.port(), "kill", &[WAIT]);
    broker.bind(vec![binding("#", "a", None)]).await.unwrap();
    server.settle("kill.q.a");
    let (rounds, each) = if full() { (10, 500) } else { (2, 100) };
    let (next, mut confirmed, mut failed, mut delivered) = (AtomicI64::new(0), BTreeSet::new(), 0, Vec::new());
    for round in 0..rounds {
        let (killed, enough) = (AtomicBool::new(false), AtomicI64::new(0));
        let publisher = async || {
            let mut mine = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                match broker.publish(&message("job.clean_up", number)).await {
                    Ok(queues) => {
                        assert_eq!(queues, 1, "it was confirmed and sent back");
                        mine.push(number);
                        enough.fetch_add(1, Ordering::SeqCst);
                    }
                    Err(_) => return mine,
                }
            }
        };
        let killer = async {
            while enough.load(Ordering::SeqCst) < each {
                tokio::task::yield_now().await;
            }
            server.kill9();
            killed.store(true, Ordering::SeqCst);
        };
        let publishers = futures_util::future::join_all((0..8).map(|_| publisher()));
        let (mine, ()) = tokio::join!(publishers, killer);
        assert!(killed.load(Ordering::SeqCst), "nobody fails before the broker is killed, round {round}");
        failed += mine.len();
        confirmed.extend(mine.into_iter().flatten());
        broker.publish(&message("job.clean_up", -1)).await.expect_err("there is no broker");
        server.restart();
        // The same handle goes on.
        until(async || Ok(broker.waiting("a").await? > 0)).await;
        until(async || drain(&broker, "a", &mut delivered).await.map(|()| true)).await;
    }
    let (all, sent): (BTreeSet<_>, _) = (delivered.iter().copied().collect(), next.load(Ordering::SeqCst));
    let extra = all.difference(&confirmed).count();
    println!(
        "{rounds} kills: {} confirmed, {failed} unconfirmed of which {extra} were delivered, {} delivered in all",
        confirmed.len(),
        delivered.len()
    );
    assert!(confirmed.is_subset(&all), "lost: {:?}", confirmed.difference(&all).collect::<Vec<_>>());
    assert!(all.iter().all(|number| (0..sent).contains(number)) && extra <= failed, "out of nothing");
    assert_eq!(delivered.len(), all.len(), "an acknowledged one came again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_queue_takes_is_told_among_many_that_are_taken() {
    let server = server_or_skip!(servers::rabbitmq());
    let broker = broker(server.port(), "unroutable", &[WAIT]);
    broker.bind(vec![binding("taken.#", "a", None)]).await.unwrap();
    let mut crowd = JoinSet::new();
    for number in 0..200 {
        let broker = broker.clone();
        crowd.spawn(async move {
            let key = if number % 3 == 0 { "nobody.wants" } else { "taken.by.a" };
            (number, broker.publish(&message(key, number)).await.unwrap())
        });
    }
    let told = crowd.join_all().await;
    assert!(told.iter().all(|(number, queues)| *queues == usize::from(number % 3 != 0)), "{told:?}");
    let mut delivered = Vec::new();
    drain(&broker, "a", &mut delivered).await.unwrap();
    delivered.sort_unstable();
    assert_eq!(delivered, (0..200).filter(|number| number % 3 != 0).collect::<Vec<_>>());
    let long = "k".repeat(256);
    assert!(matches!(broker.publish(&message(&long, 1)).await, Err(Error::Unfit(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_wait_holds_up_no_short_one() {
    let server = server_or_skip!(servers::rabbitmq());
    let broker = broker(server.port(), "waits", &[WAIT, Duration::from_hours(1)]);
    broker.bind(vec![binding("#", "a", None)]).await.unwrap();
    broker.publish(&message("x", 1)).await.unwrap();
    for attempt in 1..=2 {
        until(async || Ok(broker.waiting("a").await? == 1)).await;
        let delivery = broker.take("a").await.unwrap().unwrap();
        assert_eq!((number(&delivery), delivery.attempt), (1, attempt));
        assert_eq!(delivery.nack("it waits").await.unwrap(), Fate::Later);
    }
    // The first waits an hour now; the second has its short wait behind it.
    broker.publish(&message("x", 2)).await.unwrap();
    assert_eq!(broker.take("a").await.unwrap().unwrap().nack("it waits").await.unwrap(), Fate::Later);
    assert!(broker.take("a").await.unwrap().is_none());
    until(async || Ok(broker.waiting("a").await? == 1)).await;
    let delivery = broker.take("a").await.unwrap().unwrap();
    assert_eq!((number(&delivery), delivery.attempt), (2, 2));
    assert!(delivery.ack().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_holds_no_more_than_it_may_and_goes_on_after_a_cut() {
    let server = server_or_skip!(servers::rabbitmq());
    let road = Proxy::to(server.port()).await;
    let broker = broker(road.port(), "prefetch", &[WAIT]);
    broker.bind(vec![binding("#", "a", None)]).await.unwrap();
    for number in 0..5 {
        broker.publish(&message("x", number)).await.unwrap();
    }
    let mut consumer = broker.consumer("a");
    let held = [consumer.next().await.unwrap(), consumer.next().await.unwrap()];
    assert_eq!(held.each_ref().map(number), [0, 1]);
    assert_eq!(broker.waiting("a").await.unwrap(), 3, "it holds two");
    road.cut();
    let mut seen = BTreeSet::new();
    let began = Instant::now();
    while seen.len() < 5 {
        assert!(began.elapsed() < PATIENCE, "{seen:?}");
        // The cut is told once.
        let Ok(delivery) = consumer.next().await else { continue };
        assert_eq!(delivery.attempt > 1, number(&delivery) < 2, "{delivery:?}");
        assert!(seen.insert(number(&delivery)), "{delivery:?} came twice");
        assert!(delivery.ack().await);
    }
    for late in held {
        assert!(!late.ack().await, "it was another's by then");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_row_is_the_outbox_of_its_message() {
    let server = server_or_skip!(servers::rabbitmq());
    let app = TestApp::new().await;
    bind(&app, "job.clean_up", "out", None).await;
    let broker = broker(server.port(), "outbox", &[WAIT]);
    let queues = ["out".to_owned()];
    enqueue(&app, 0..3).await;
    // Nobody takes them at the broker: they are not lost, and wait.
    assert_eq!(forward(&app.app, &broker, &queues, 10).await.unwrap(), 0);
    assert_eq!(app.number("SELECT COUNT(*) FROM jobs WHERE state = 'ready' AND attempt = 1").await, 3);
    broker.bind(vec![binding("job.#", "a", None)]).await.unwrap();
    assert_eq!(forward(&app.app, &broker, &queues, 10).await.unwrap(), 0, "it is not time yet");
    app.advance(Duration::from_mins(1));
    assert_eq!(forward(&app.app, &broker, &queues, 10).await.unwrap(), 3);
    assert_eq!(forward(&app.app, &broker, &queues, 10).await.unwrap(), 0);
    assert_eq!(app.number("SELECT COUNT(*) FROM jobs WHERE state = 'done'").await, 3);
    let (mut ids, mut slots) = (BTreeSet::new(), Vec::new());
    while let Some(delivery) = broker.take("a").await.unwrap() {
        assert_eq!(delivery.message.key, "job.clean_up");
        assert_eq!(delivery.message.subject, format!("clean_up:{}", number(&delivery)));
        ids.insert(delivery.message.id.clone());
        slots.push(number(&delivery));
        assert!(delivery.ack().await);
    }
    slots.sort_unstable();
    assert_eq!(slots, [0, 1, 2]);
    let rows = app.rows().texts("SELECT CAST(id AS CHAR) FROM jobs").await;
    assert_eq!(ids, rows.into_iter().collect());
    app.end().await;
}
