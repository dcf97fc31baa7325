//! What every engine has to hold. Each claim uses names of its own: the server may be shared.

use super::{PATIENCE, Stand};
use crate::support::full;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};
use tokio::{task::JoinSet, time::timeout};
use weizhan::coordination::{Coordinator, Entry, Error, Kind, Put, Session, Watch};

fn entry(name: &str, number: i64, value: &str) -> Entry {
    Entry { name: name.to_owned(), number, value: value.to_owned() }
}

/// Sign after sign of life until the session is told that it has ended.
async fn until_ended(session: &mut Session) {
    let began = Instant::now();
    while !matches!(session.keep().await, Err(Error::Ended)) {
        assert!(began.elapsed() < PATIENCE, "it never learns");
    }
}

/// The states of a watch until one fits.
async fn until(watch: &mut Watch, fits: impl Fn(&[Entry]) -> bool) {
    let seen = async {
        loop {
            // The way to the server may be cut meanwhile.
            if watch.next().await.is_ok_and(|state| fits(&state)) {
                return;
            }
        }
    };
    timeout(PATIENCE, seen).await.expect("it is seen in the end");
}

pub async fn a_name_has_one_owner_at_a_time(stand: &Stand) {
    let (tasks, rounds) = if full() { (8, 40) } else { (4, 4) };
    let inside = Arc::new(AtomicBool::new(false));
    let mut crowd = JoinSet::new();
    for task in 0..tasks {
        let coordinator: Coordinator = if task % 2 == 0 { &stand.one } else { &stand.other }.clone();
        let inside = inside.clone();
        crowd.spawn(async move {
            let (mut session, mut terms) = (coordinator.open().await.unwrap(), Vec::new());
            while terms.len() < rounds {
                let Some(term) = session.take("exclusion/lock", "").await.unwrap() else {
                    tokio::task::yield_now().await;
                    continue;
                };
                assert!(!inside.swap(true, Ordering::SeqCst), "two are inside");
                assert_eq!(session.take("exclusion/lock", "").await.unwrap(), Some(term), "it is its own");
                // Read, add, write: no update is lost while one is inside.
                let before = coordinator.find(Kind::Record, "exclusion/count").await.unwrap();
                let (version, count) = before.map_or((0, 0), |record| (record.number, record.value.parse().unwrap()));
                let next: usize = count + 1;
                let under = Some(("exclusion/lock", term));
                let put = coordinator.put("exclusion/count", version, &next.to_string(), under).await.unwrap();
                assert_eq!(put, Put::Written(version + 1));
                assert!(inside.swap(false, Ordering::SeqCst));
                assert!(session.release("exclusion/lock").await.unwrap());
                terms.push(term);
            }
            session.close().await.unwrap();
            terms
        });
    }
    let mut terms: Vec<i64> = crowd.join_all().await.concat();
    terms.sort_unstable();
    let all = i64::try_from(tasks * rounds).unwrap();
    assert_eq!(terms, (1..=all).collect::<Vec<_>>(), "each term once, and none left out");
    let count = stand.one.find(Kind::Record, "exclusion/count").await.unwrap().unwrap();
    assert_eq!(count, entry("exclusion/count", all, &all.to_string()));
}

pub async fn what_a_frozen_owner_writes_late_is_refused(stand: &Stand) {
    let (lock, record) = ("freeze/lock", "freeze/record");
    let mut frozen = stand.one.open().await.unwrap();
    let first = frozen.take(lock, "first").await.unwrap().unwrap();
    assert_eq!(stand.one.put(record, 0, "first", Some((lock, first))).await.unwrap(), Put::Written(1));
    stand.freeze();
    stand.outlast(lock).await;
    let mut next = stand.other.open().await.unwrap();
    let second = next.take(lock, "second").await.unwrap().unwrap();
    assert_eq!((first, second), (1, 2));
    // Even before the next one has written anything.
    assert_eq!(stand.other.put(record, 1, "late", Some((lock, first))).await.unwrap(), Put::Late);
    assert_eq!(stand.other.put(record, 1, "second", Some((lock, second))).await.unwrap(), Put::Written(2));
    stand.wake();
    until_ended(&mut frozen).await;
    assert_eq!(frozen.term(lock), None);
    assert!(matches!(frozen.take("freeze/more", "").await, Err(Error::Ended)), "it is over for good");
    assert_eq!(stand.one.put(record, 2, "late", Some((lock, first))).await.unwrap(), Put::Late);
    assert_eq!(stand.one.put(record, 2, "late", Some(("freeze/unknown", 1))).await.unwrap(), Put::Late);
    assert_eq!(stand.one.find(Kind::Record, record).await.unwrap(), Some(entry(record, 2, "second")));
    // Nothing but the term would have stopped it.
    assert_eq!(stand.one.put(record, 2, "late", None).await.unwrap(), Put::Written(3));
    assert_eq!(next.term(lock), Some(second));
    next.close().await.unwrap();
}

pub async fn the_names_of_a_dead_session_are_free_and_those_of_a_living_one_are_not(stand: &Stand) {
    let (mut dying, mut living) = (stand.one.open().await.unwrap(), stand.other.open().await.unwrap());
    for name in ["members/a", "members/b"] {
        assert_eq!(dying.take(name, "10.0.0.1:80").await.unwrap(), Some(1));
        assert_eq!(living.take(name, "10.0.0.2:80").await.unwrap(), None);
    }
    assert_eq!(living.take("members/c", "10.0.0.2:80").await.unwrap(), Some(1));
    let all = ["a", "b", "c"]
        .map(|name| entry(&format!("members/{name}"), 1, if name == "c" { "10.0.0.2:80" } else { "10.0.0.1:80" }));
    assert_eq!(stand.other.list(Kind::Name, "members/").await.unwrap(), all);
    assert_eq!(stand.other.list(Kind::Name, "members/b").await.unwrap(), all[1..2]);
    assert_eq!(stand.other.find(Kind::Name, "members").await.unwrap(), None, "a beginning is no name");
    let mut watch = stand.other.watch(Kind::Name, "members/");
    assert_eq!(watch.next().await.unwrap(), all);
    living.keep().await.unwrap();
    dying.keep().await.unwrap();
    stand.freeze();
    stand.outlast("members/a").await;
    until(&mut watch, |state| state.iter().all(|entry| entry.name == "members/c")).await;
    // In the database the other clock has passed it by as well; at a server its client has kept it alive.
    if living.keep().await.is_err() {
        living = stand.other.open().await.unwrap();
    }
    for name in ["members/a", "members/b"] {
        assert_eq!(living.take(name, "10.0.0.2:80").await.unwrap(), Some(2), "{name}");
        assert_eq!(stand.other.find(Kind::Name, name).await.unwrap(), Some(entry(name, 2, "10.0.0.2:80")));
    }
    stand.wake();
    until_ended(&mut dying).await;
    assert_eq!(living.term("members/a"), Some(2), "whoever wakes takes nothing with him");
    living.keep().await.unwrap();
    living.close().await.unwrap();
}

pub async fn a_name_that_was_given_back_is_free_at_once(stand: &Stand) {
    let (mut first, mut second) = (stand.one.open().await.unwrap(), stand.other.open().await.unwrap());
    let name = "back/name";
    for round in 1..4 {
        assert_eq!(first.take(name, "").await.unwrap(), Some(2 * round - 1));
        assert_eq!(first.take(name, "").await.unwrap(), Some(2 * round - 1), "it has it already");
        assert!(!second.release(name).await.unwrap(), "it is not his to give");
        assert_eq!((first.term(name), second.term(name)), (Some(2 * round - 1), None));
        assert!(first.release(name).await.unwrap() && !first.release(name).await.unwrap());
        assert_eq!(first.term(name), None);
        assert_eq!(stand.one.find(Kind::Name, name).await.unwrap(), None);
        assert_eq!(second.take(name, "x y").await.unwrap(), Some(2 * round));
        assert_eq!(stand.one.find(Kind::Name, name).await.unwrap(), Some(entry(name, 2 * round, "x y")));
        assert!(second.release(name).await.unwrap());
    }
    first.close().await.unwrap();
    second.close().await.unwrap();
}

pub async fn leadership_goes_over_and_its_terms_grow(stand: &Stand) {
    let office = "office/leader";
    let (mut first, mut second) = (stand.one.open().await.unwrap(), stand.other.open().await.unwrap());
    assert_eq!(first.take(office, "one").await.unwrap(), Some(1));
    assert_eq!(second.take(office, "other").await.unwrap(), None);
    first.close().await.unwrap();
    assert_eq!(second.take(office, "other").await.unwrap(), Some(2), "who leaves in order is not waited for");
    second.close().await.unwrap();
    let mut third = stand.one.open().await.unwrap();
    assert_eq!(third.take(office, "one").await.unwrap(), Some(3));
    stand.freeze();
    stand.outlast(office).await;
    let mut fourth = stand.other.open().await.unwrap();
    assert_eq!(fourth.take(office, "other").await.unwrap(), Some(4));
    stand.wake();
    until_ended(&mut third).await;
    let mut fifth = stand.one.open().await.unwrap();
    assert_eq!(fifth.take(office, "one").await.unwrap(), None, "who comes back waits");
    assert_eq!(stand.one.find(Kind::Name, office).await.unwrap(), Some(entry(office, 4, "other")));
    fourth.close().await.unwrap();
    assert_eq!(fifth.take(office, "one").await.unwrap(), Some(5));
    fifth.close().await.unwrap();
}

pub async fn of_changes_at_the_same_moment_one_wins(stand: &Stand) {
    for round in 0..if full() { 50 } else { 5 } {
        let mut crowd = JoinSet::new();
        for task in 0..6 {
            let coordinator = if task % 2 == 0 { &stand.one } else { &stand.other }.clone();
            crowd.spawn(
                async move { (task, coordinator.put("changes/x", round, &task.to_string(), None).await.unwrap()) },
            );
        }
        let (won, lost): (Vec<_>, Vec<_>) =
            crowd.join_all().await.into_iter().partition(|(_, put)| *put == Put::Written(round + 1));
        assert_eq!(won.len(), 1, "round {round}: {won:?}");
        assert!(lost.iter().all(|(_, put)| *put == Put::Changed), "round {round}: {lost:?}");
        let found = stand.other.find(Kind::Record, "changes/x").await.unwrap().unwrap();
        assert_eq!(found, entry("changes/x", round + 1, &won[0].0.to_string()));
    }
    assert_eq!(stand.one.put("changes/y", 1, "", None).await.unwrap(), Put::Changed, "it is not there");
    assert_eq!(stand.one.put("changes/x", 1, "", None).await.unwrap(), Put::Changed, "it went on");
    assert_eq!(stand.one.put("changes/x", i64::MAX, "", None).await.unwrap(), Put::Changed);
}

pub async fn a_watch_sees_the_last_value(stand: &Stand) {
    let mut watch = stand.one.watch(Kind::Record, "watch/");
    assert_eq!(watch.next().await.unwrap(), []);
    assert_eq!(watch.look().await.unwrap(), None, "nothing is told twice");
    let last = 20;
    let write = async {
        for version in 0..last {
            let value = version.to_string();
            assert_eq!(stand.other.put("watch/x", version, &value, None).await.unwrap(), Put::Written(version + 1));
        }
        stand.other.put("watched/y", 0, "of another prefix", None).await.unwrap();
    };
    let read = async {
        let (mut seen, mut states) = (0, 0);
        while seen < last {
            let state = timeout(PATIENCE, watch.next()).await.expect("it comes").unwrap();
            assert!(state.len() == 1 && state[0].number > seen, "{seen}: {state:?}");
            (seen, states) = (state[0].number, states + 1);
        }
        println!("{states} of {last} states were seen, the last one among them");
    };
    tokio::join!(write, read);
    assert_eq!(watch.look().await.unwrap(), None);
}

pub async fn a_watch_that_was_cut_off_sees_what_it_missed(stand: &Stand) {
    let mut watch = stand.one.watch(Kind::Record, "cut/");
    assert_eq!(watch.next().await.unwrap(), []);
    let mut owner = stand.one.open().await.unwrap();
    owner.take("cut/owner", "").await.unwrap().unwrap();
    stand.freeze();
    for version in 0..3 {
        stand.other.put("cut/x", version, &version.to_string(), None).await.unwrap();
    }
    // As long as that, so that the watch has to begin anew.
    stand.outlast("cut/owner").await;
    stand.wake();
    until(&mut watch, |state| state == [entry("cut/x", 3, "2")]).await;
    // And goes on to see.
    stand.other.put("cut/x", 3, "3", None).await.unwrap();
    until(&mut watch, |state| state == [entry("cut/x", 4, "3")]).await;
}

pub async fn what_is_no_name_is_refused(stand: &Stand) {
    let mut session = stand.one.open().await.unwrap();
    for name in ["", "/a", "a/", "A", "a b", "a:b", "a%", "名"] {
        assert!(matches!(session.take(name, "").await, Err(Error::Unfit(_))), "{name}");
        assert!(matches!(stand.one.put(name, 0, "", None).await, Err(Error::Unfit(_))), "{name}");
        assert!(matches!(stand.one.find(Kind::Name, name).await, Err(Error::Unfit(_))), "{name}");
    }
    assert!(matches!(session.take("unfit/name", &"v".repeat(256)).await, Err(Error::Unfit(_))));
    assert_eq!(session.take("unfit/name", &"v".repeat(255)).await.unwrap(), Some(1));
    assert_eq!(stand.one.put("unfit/record", 0, &"v".repeat(60_000), None).await.unwrap(), Put::Written(1));
    assert!(matches!(stand.one.put("unfit/record", 1, &"v".repeat(60_001), None).await, Err(Error::Unfit(_))));
    session.close().await.unwrap();
}
