//! Who comes in, who waits and who is refused.

use super::*;
use crate::config::Overload;

/// Two connections to the database: two places for money and for browsing at first, one for bulk.
fn gates(queue_ms: u64) -> Gates {
    Gates::new(&Overload { requests_per_connection: 1, target_ms: 250, queue_ms }, 2)
}

/// A gate for a minute's patience.
fn gate(class: Class) -> Arc<Gate> {
    gates(60_000).of(class).clone()
}

/// Stand in line in a task of one's own, and be in it when this returns.
async fn stand(gate: &Arc<Gate>, tasks: &mut tokio::task::JoinSet<Option<Permit>>) {
    let (own, before) = (gate.clone(), gate.counts().waiting);
    tasks.spawn(async move { own.enter(None).await });
    while gate.counts().waiting == before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_finds_no_place_waits_and_who_finds_no_room_is_refused_at_once() {
    let (gate, mut tasks) = (gate(Class::Browse), tokio::task::JoinSet::new());
    let [one, _two] = [gate.try_enter().expect("a place"), gate.try_enter().expect("a place")];
    assert!(gate.try_enter().is_none());
    stand(&gate, &mut tasks).await;
    stand(&gate, &mut tasks).await;
    assert!(gate.is_full() && gate.enter(None).await.is_none());
    drop(one);
    let three = tasks.join_next().await.expect("a task").expect("it ends").expect("a place");
    let counts = gate.counts();
    assert_eq!((counts.accepted, counts.queued, counts.refused), (3, 2, 1));
    assert_eq!((counts.in_flight, counts.waiting, counts.limit), (2, 1, 2));
    // Nobody goes past those who wait.
    assert!(gate.try_enter().is_none());
    drop(three);
    tasks.join_next().await.expect("a task").expect("it ends").expect("a place");
}

#[tokio::test]
async fn who_has_waited_long_enough_is_refused_and_leaves_nothing_behind() {
    let gate = gates(1).of(Class::Money).clone();
    let places = [gate.try_enter(), gate.try_enter()];
    assert!(places.iter().all(Option::is_some));
    assert!(gate.enter(None).await.is_none());
    assert!(gate.enter(Some(Duration::ZERO)).await.is_none(), "nor is one begun whose client has given up");
    assert_eq!((gate.counts().waiting, gate.counts().refused), (0, 2));
    drop(places);
    assert_eq!(gate.counts().in_flight, 0);
    assert!(gate.enter(None).await.is_some());
}

#[tokio::test]
async fn a_place_given_to_somebody_who_has_gone_goes_to_the_next() {
    let (gate, mut gone, mut tasks) = (gate(Class::Browse), tokio::task::JoinSet::new(), tokio::task::JoinSet::new());
    let places = [gate.try_enter(), gate.try_enter()];
    stand(&gate, &mut gone).await;
    stand(&gate, &mut tasks).await;
    gone.shutdown().await;
    let [one, _two] = places;
    drop(one);
    assert!(tasks.join_next().await.expect("a task").expect("it ends").is_some());
    assert_eq!((gate.counts().in_flight, gate.counts().waiting), (1, 0));
}

#[tokio::test]
async fn a_class_that_is_full_takes_nothing_from_the_others() {
    let gates = gates(60_000);
    let mut held = Vec::new();
    for class in [Class::Browse, Class::Bulk] {
        held.extend(std::iter::from_fn(|| gates.of(class).try_enter()));
    }
    assert_eq!(held.len(), 3);
    let vital: Vec<_> = (0..10_000).map(|_| gates.of(Class::Vital).try_enter()).collect();
    assert!(vital.iter().all(Option::is_some), "callbacks are never refused");
    assert!(gates.of(Class::Money).try_enter().is_some() && !gates.of(Class::Vital).is_full());
}

#[tokio::test]
async fn while_money_waits_those_who_browse_give_up_places() {
    let settings = Overload { requests_per_connection: 2, target_ms: 250, queue_ms: 60_000 };
    let (gates, mut tasks) = (Gates::new(&settings, 10), tokio::task::JoinSet::new());
    let [money, browse] = [Class::Money, Class::Browse].map(|class| gates.of(class).clone());
    // After a request that was quick.
    let decide = |gate: &Arc<Gate>| {
        let mut control = gate.control.lock().unwrap();
        control.note(Duration::from_millis(1), Duration::ZERO);
        gate.decide(control);
    };
    decide(&browse);
    assert_eq!(browse.counts().limit, 20);
    let held: Vec<_> = std::iter::from_fn(|| money.try_enter()).collect();
    stand(&money, &mut tasks).await;
    decide(&browse);
    assert_eq!(browse.counts().limit, 16, "although they are quick");
    decide(&money);
    assert_eq!(money.counts().limit, 22, "money itself is quick, and more of it is wanted");
    drop(held);
    assert!(tasks.join_next().await.expect("a task").expect("it ends").is_some());
}

/// Thousands come and go on two threads; no place is lost and none is given twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_are_neither_lost_nor_given_twice() {
    let gate = gate(Class::Browse);
    let inside = Arc::new(AtomicU32::new(0));
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (gate, inside) = (gate.clone(), inside.clone());
        crowd.spawn(async move {
            let mut served = 0;
            for _ in 0..5_000 {
                let Some(place) = gate.enter(None).await else { continue };
                assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                drop(place);
                served += 1;
            }
            served
        });
    }
    assert_eq!(crowd.join_all().await.into_iter().sum::<u32>(), 20_000, "as many wait as there are places");
    let counts = gate.counts();
    assert_eq!((counts.in_flight, counts.waiting, counts.accepted), (0, 0, 20_000));
}
