//! Sessions: what is committed is there, what is not never was; also when many write at once, and when whoever waits for
//! the database gives up in the middle.

use crate::support::{
    app::{START, Setup, TestApp, database_url},
    full,
    rows::same,
    servers::Folder,
};
use std::collections::BTreeSet;
use weizhan::{
    data,
    data::{Database, Session},
};

async fn leases(database: &Database) -> BTreeSet<String> {
    let text = same("SELECT name FROM leases".to_owned());
    let rows: Vec<(String,)> = database.read().await.unwrap().all(text, ()).await.unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

/// Write one row, and end as its number says; whether it must be there afterwards.
async fn unit(database: Database, number: usize) -> (String, bool) {
    let name = format!("lease-{number}");
    let mut session = database.write().await.unwrap();
    assert!(data::lease::insert(&mut session, &name, "node", START).await.unwrap());
    tokio::task::yield_now().await;
    match number % 5 {
        // Gives up.
        0 => (name, false),
        // Fails, and gives up.
        1 => {
            let broken = session.execute(same("INSERT INTO leases (name) VALUES ('x')".to_owned()), ()).await;
            assert!(broken.is_err());
            (name, false)
        }
        // Meets a name that is taken, and goes on.
        2 => {
            assert!(!data::lease::insert(&mut session, &name, "other", START).await.unwrap());
            session.commit().await.unwrap();
            (name, true)
        }
        _ => {
            session.commit().await.unwrap();
            (name, true)
        }
    }
}

#[tokio::test]
async fn fifty_writers_lose_nothing_and_keep_nothing_that_was_dropped() {
    let app = TestApp::new().await;
    for round in 0..if full() { 20 } else { 2 } {
        let units = (0..50).map(|number| app.app.spawn(unit(app.app.database.clone(), round * 50 + number)));
        let tasks: Vec<_> = units.collect();
        let mut expected = BTreeSet::new();
        for task in tasks {
            let (name, lasts) = task.await.unwrap();
            if lasts {
                expected.insert(name);
            }
        }
        let found = leases(&app.app.database).await;
        let of_round: BTreeSet<_> =
            found.into_iter().filter(|name| expected.contains(name) || is_of(name, round)).collect();
        assert_eq!(of_round, expected);
        assert_eq!(expected.len(), 30);
    }
    app.end().await;
}

fn is_of(name: &str, round: usize) -> bool {
    let number: usize = name.trim_start_matches("lease-").parse().unwrap();
    number / 50 == round
}

#[tokio::test]
async fn a_dropped_session_leaves_nothing_and_stands_in_nobodys_way() {
    let app = TestApp::new().await;
    let database = &app.app.database;
    for _ in 0..20 {
        let mut session = database.write().await.unwrap();
        assert!(data::lease::insert(&mut session, "leader", "node", START).await.unwrap(), "nobody has it");
        drop(session);
    }
    assert_eq!(leases(database).await, BTreeSet::new());
    let mut session = database.write().await.unwrap();
    assert!(data::lease::insert(&mut session, "leader", "node", START).await.unwrap());
    session.commit().await.unwrap();
    assert_eq!(leases(database).await, BTreeSet::from(["leader".to_owned()]));
    app.end().await;
}

/// Whoever waits for a session may be gone before it begins, while it begins, or before it commits. The next writer
/// finds a clean connection: what it is told is kept, is kept.
#[tokio::test]
async fn who_gives_up_at_any_moment_harms_nobody() {
    let app = TestApp::new().await;
    let database = &app.app.database;
    let mut expected = BTreeSet::new();
    for number in 0..if full() { 2_000 } else { 80 } {
        let abandoned = async {
            let mut session = database.write().await.unwrap();
            data::lease::insert(&mut session, "abandoned", "node", START).await.unwrap();
            std::future::pending::<()>().await;
        };
        // Left after so many steps: while it waits for its turn, for its BEGIN, for its row.
        let mut abandoned = Box::pin(abandoned);
        for _ in 0..number % 40 {
            assert!(futures_util::poll!(&mut abandoned).is_pending());
            tokio::task::yield_now().await;
        }
        drop(abandoned);
        let name = format!("kept-{number}");
        let mut session = database.write().await.unwrap();
        assert!(data::lease::insert(&mut session, &name, "node", START).await.unwrap());
        session.commit().await.unwrap();
        expected.insert(name);
    }
    assert_eq!(leases(database).await, expected);
    app.end().await;
}

#[tokio::test]
async fn a_reader_sees_what_was_acknowledged_and_nothing_else() {
    let app = TestApp::new().await;
    let database = &app.app.database;
    let mut session = database.write().await.unwrap();
    data::lease::insert(&mut session, "one", "node", START).await.unwrap();
    assert_eq!(leases(database).await, BTreeSet::new(), "not yet");
    session.commit().await.unwrap();
    assert_eq!(leases(database).await, BTreeSet::from(["one".to_owned()]));
    let mut reader = database.read().await.unwrap();
    let written = data::lease::insert(&mut reader, "two", "node", START).await;
    // Readers of SQLite cannot write at all; MySQL would, so that nothing but habit keeps use cases from it.
    assert_eq!(written.is_err(), database.dialect() == "sqlite");
    drop(reader);
    app.end().await;
}

/// On MySQL the end of a transaction begins the next. A statement that lasts by itself must not be lost in it.
#[tokio::test]
async fn what_lasts_by_itself_lasts_also_on_a_connection_that_has_just_committed() {
    let folder = Folder::new("chained");
    let url = database_url(&folder).await;
    let overrides = vec![("database.connections_max", "1".to_owned())];
    let app = TestApp::with(Setup { overrides, database_url: Some(url.clone()), ..Setup::default() }).await;
    let (database, mut expected) = (&app.app.database, BTreeSet::new());
    for number in 0..3 {
        let mut session = database.write().await.unwrap();
        assert!(data::lease::insert(&mut session, &format!("unit-{number}"), "node", START).await.unwrap());
        session.commit().await.unwrap();
        expected.insert(format!("unit-{number}"));
        let mut session =
            if database.dialect() == "mysql" { database.read().await } else { database.write().await }.unwrap();
        assert!(data::lease::insert(&mut session, &format!("alone-{number}"), "node", START).await.unwrap());
        session.commit().await.unwrap();
        expected.insert(format!("alone-{number}"));
        // Whoever gives up the transaction takes nothing of it along.
        drop(database.write().await.unwrap());
    }
    let other = TestApp::with(Setup { database_url: Some(url), ..Setup::default() }).await;
    assert_eq!(leases(&other.app.database).await, expected, "seen from elsewhere");
    other.stop().await;
    app.end().await;
}

/// A row that is put off.
async fn put_off(session: &mut Session, name: &str) -> Result<(), data::Error> {
    let text = format!("INSERT INTO leases (name, holder, epoch, expires_ms) VALUES ('{name}', ?, 1, 1)");
    session.execute_later(same(text), ("node",)).await
}

#[tokio::test]
async fn what_is_put_off_is_seen_by_the_next_statement_and_lasts() {
    let app = TestApp::new().await;
    let database = &app.app.database;
    let mut session = database.write().await.unwrap();
    put_off(&mut session, "one").await.unwrap();
    put_off(&mut session, "two").await.unwrap();
    assert!(!data::lease::insert(&mut session, "two", "other", START).await.unwrap(), "it is there");
    put_off(&mut session, "three").await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(leases(database).await, ["one", "three", "two"].map(str::to_owned).into());
    let mut session = database.write().await.unwrap();
    put_off(&mut session, "dropped").await.unwrap();
    drop(session);
    let mut session = database.write().await.unwrap();
    put_off(&mut session, "four").await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(leases(database).await, ["four", "one", "three", "two"].map(str::to_owned).into());
    app.end().await;
}

/// A name that is taken must not be taken for the answer of a later statement, and nothing beside it may last.
#[tokio::test]
async fn what_is_put_off_and_fails_takes_the_session_with_it() {
    let app = TestApp::new().await;
    let database = &app.app.database;
    let mut session = database.write().await.unwrap();
    put_off(&mut session, "one").await.unwrap();
    session.commit().await.unwrap();
    let at_commit = async {
        let mut session = database.write().await?;
        put_off(&mut session, "two").await?;
        put_off(&mut session, "one").await?;
        session.commit().await
    };
    let at_next = async {
        let mut session = database.write().await?;
        put_off(&mut session, "three").await?;
        put_off(&mut session, "one").await?;
        data::lease::insert(&mut session, "four", "node", START).await?;
        session.commit().await
    };
    let outcomes: [Result<(), data::Error>; 2] = [at_commit.await, at_next.await];
    for outcome in outcomes {
        assert!(outcome.as_ref().is_err_and(data::Error::is_contended), "{outcome:?}");
    }
    assert_eq!(leases(database).await, BTreeSet::from(["one".to_owned()]));
    let mut session = database.write().await.unwrap();
    if put_off(&mut session, "one").await.is_ok() {
        assert!(data::lease::insert(&mut session, "five", "node", START).await.is_err());
        assert!(session.commit().await.is_err(), "whoever swallowed the error cannot commit");
    }
    assert_eq!(leases(database).await, BTreeSet::from(["one".to_owned()]));
    app.end().await;
}
