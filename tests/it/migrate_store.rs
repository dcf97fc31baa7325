//! Claimed: `weizhan migrate-store` puts every row of every table into a database of the other kind, and back, unchanged; it
//! sees a value that differs; it touches no shop that is open; and a copy that was cut off is never served.
//!
//! Shown: with the program as people start it, on shops that have sold something; on MariaDB both kinds are on both sides.

use crate::support::{
    Backend,
    app::{TestApp, database_url, fresh_mariadb},
    backend,
    rows::{dump, same, tables},
    servers::{self, Folder},
};
use std::{
    collections::BTreeMap,
    process::{Command, Output},
};
use weizhan::{
    app::SystemClock,
    config::{self, Secret},
    data::{
        self, Database, Each, Error, Guards, Sql,
        transfer::{Source, Target, copy},
    },
    model::time::{Clock, Timestamp},
};

fn migrate_store(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weizhan"));
    command.arg("migrate-store").args(arguments).output().expect("our own program starts")
}

/// Its exit status, and all that it said.
fn ran(arguments: &[&str]) -> (Option<i32>, String) {
    let output = migrate_store(arguments);
    let text = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat();
    (output.status.code(), text)
}

/// A new, empty database of SQLite.
fn sqlite(folder: &Folder, name: &str) -> String {
    format!("sqlite:{}", folder.path().join(name).display())
}

fn at(app: &TestApp, url: &str) -> config::Database {
    config::Database { url: Secret::new(url), ..app.app.config.database.clone() }
}

/// More rows than a chunk has, with keys of text and of two columns; every sort of value is there.
const CARTS: Sql = Sql {
    name: "migrate_store::CARTS",
    mysql: "INSERT INTO cart_items (user_id, sku_id, qty, updated_ms) VALUES {(?, ?, 1, 2)}",
    sqlite: "INSERT INTO cart_items (user_id, sku_id, qty, updated_ms) VALUES {(?, ?, 1, 2)}",
};
const LEASES: Sql = Sql {
    name: "migrate_store::LEASES",
    mysql: "INSERT INTO leases (name, holder, epoch, expires_ms) VALUES {(?, '微信 🧧', 1, 0)}",
    sqlite: "INSERT INTO leases (name, holder, epoch, expires_ms) VALUES {(?, '微信 🧧', 1, 0)}",
};

/// A shop that has sold something.
async fn used() -> TestApp {
    let app = TestApp::new().await;
    let goods = app.goods(1_990, 10).await;
    let buyer = app.buyer("ann").await;
    app.paid_order(&buyer, &goods, 2).await;
    let mut session = app.app.database.write().await.unwrap();
    let carts = (0..640_i64).map(|number| (7 + number / 40, 1 + number % 40)).collect();
    session.execute(CARTS, Each(carts)).await.unwrap();
    let names =
        (0..620).map(|number| (format!("lease-{number}-{}", if number % 2 == 0 { "é" } else { "Z" }),)).collect();
    session.execute(LEASES, Each(names)).await.unwrap();
    session.commit().await.unwrap();
    app
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_every_table_arrives_and_comes_back() {
    let (app, folder) = (used().await, Folder::new("migrate-store"));
    let here = app.app.config.database.url.expose().to_owned();
    let there = sqlite(&folder, "there.db");
    let back = database_url(&folder).await;
    let before = dump(&app.app.database).await;
    for (from, to) in [(&here, &there), (&there, &back)] {
        let (status, told) = ran(&["--from", from, "--to", to]);
        assert_eq!(status, Some(0), "{told}");
        let copy = Database::open(&at(&app, to)).await.unwrap();
        let names = tables(&copy).await;
        // The list comes from the schema: whatever table a later migration adds is told of here.
        for name in names.iter().filter(|name| *name != "migrations") {
            assert!(told.contains(&format!(" {name} ")), "{name} is not among what was copied: {told}");
        }
        assert!(told.contains(&format!("{0} of {0} tables are the same", names.len() - 1)), "{told}");
        assert!(told.contains("checks hold") && told.contains("where storage keeps them"), "{told}");
        let mut after = dump(&copy).await;
        // Each side keeps its own list: the files differ, and so do their checksums.
        after.insert("migrations".to_owned(), before["migrations"].clone());
        if copy.dialect() == app.app.database.dialect() {
            assert_eq!(after, before);
        } else {
            // The dialects show numbers differently; what comes back is compared to the letter.
            let counts = |dump: &BTreeMap<String, Vec<String>>| dump.values().map(Vec::len).collect::<Vec<_>>();
            assert_eq!(counts(&after), counts(&before));
        }
        copy.close().await;
    }
    assert!(before["cart_items"].len() == 640 && before["leases"].len() == 620 && !before["payments"].is_empty());
    let (status, told) = ran(&["--from", &here, "--to", &there]);
    assert!(status == Some(1) && told.contains("the target is not empty"), "{told}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_value_that_differs_is_seen() {
    let (app, folder) = (used().await, Folder::new("migrate-store"));
    let here = app.app.config.database.url.expose().to_owned();
    let there = sqlite(&folder, "there.db");
    assert_eq!(ran(&["--from", &here, "--to", &there]).0, Some(0));
    assert_eq!(ran(&["--compare", "--from", &here, "--to", &there]).0, Some(0));
    let copy = Database::open(&at(&app, &there)).await.unwrap();
    for (table, spoil, mend) in [
        ("payments", "total_fen = total_fen + 1", "total_fen = total_fen - 1"),
        ("addresses", "is_default = 1 - is_default", "is_default = 1 - is_default"),
    ] {
        let change = async |what: &str| {
            let mut session = copy.write().await.unwrap();
            assert_eq!(session.execute(same(format!("UPDATE {table} SET {what}")), ()).await.unwrap(), 1);
            session.commit().await.unwrap();
        };
        change(spoil).await;
        let (status, told) = ran(&["--compare", "--from", &here, "--to", &there]);
        assert_eq!(status, Some(1), "{told}");
        let wrong: Vec<_> = told.lines().filter(|line| line.contains('✗')).collect();
        assert!(wrong.len() == 1 && wrong[0].contains(&format!(" {table} ")), "{told}");
        change(mend).await;
    }
    copy.close().await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_is_open_is_left_alone() {
    let (app, folder) = (used().await, Folder::new("migrate-store"));
    let here = app.app.config.database.url.expose().to_owned();
    let there = sqlite(&folder, "there.db");
    // A node renews its lease while it serves.
    let hold = async |until: Timestamp| {
        let mut session = app.app.database.write().await.unwrap();
        session.execute(same(format!("UPDATE leases SET expires_ms = {}", until.0)), ()).await.unwrap();
        session.commit().await.unwrap();
    };
    let soon = |ms: i64| Timestamp(SystemClock.now().0 + ms);
    hold(soon(60_000)).await;
    let arguments = ["--from".to_owned(), here.clone(), "--to".to_owned(), there.clone()];
    let asked = tokio::task::spawn_blocking(move || ran(&arguments.each_ref().map(String::as_str)));
    let mut renewed = 60_000;
    while !asked.is_finished() {
        renewed += 1_000;
        hold(soon(renewed)).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (status, told) = asked.await.unwrap();
    assert!(status == Some(1) && told.contains("is being served"), "{told}");
    // A lease that nobody renews runs out, and is waited for.
    hold(soon(1_000)).await;
    // Somebody who is in the middle of a change.
    let mut session = app.app.database.write().await.unwrap();
    session.execute(same("UPDATE orders SET version = version".to_owned()), ()).await.unwrap();
    let (status, told) = ran(&["--from", &here, "--to", &there]);
    assert!(status == Some(1) && told.contains("somebody writes to the source"), "{told}");
    drop(session);
    let (status, told) = ran(&["--from", &here, "--to", &there]);
    assert_eq!(status, Some(0), "{told}");
    hold(Timestamp(0)).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_writes_to_the_source_meanwhile() {
    let app = used().await;
    let source = Source::open(&app.app.config.database, &SystemClock).await.unwrap();
    let url = app.app.config.database.url.expose();
    let mut settings = at(&app, url);
    settings.lock_wait_seconds = 1;
    let other = Database::connect(&settings, Guards::default()).await.unwrap();
    let write = async || {
        let mut session = other.write().await?;
        let patience = std::time::Duration::from_secs(2);
        let wrote = session.execute(same("UPDATE cart_items SET qty = 9".to_owned()), ());
        let wrote = tokio::time::timeout(patience, wrote).await;
        assert!(wrote.is_err() || wrote.unwrap().is_err(), "the source was changed");
        Ok::<_, Error>(())
    };
    drop(write().await);
    source.close().await.unwrap();
    other.close().await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_cut_off_is_not_served_and_is_started_over() {
    let (app, folder) = (used().await, Folder::new("migrate-store"));
    let here = app.app.config.database.url.expose().to_owned();
    let there = if backend() == Backend::Mariadb {
        fresh_mariadb(&servers::mariadb().url_base()).await
    } else {
        sqlite(&folder, "there.db")
    };
    let mut source = Source::open(&app.app.config.database, &SystemClock).await.unwrap();
    let mut target = Target::open(&at(&app, &there), source.schema()).await.unwrap();
    let all = source.tables().to_vec();
    for table in all.iter().take(all.len() / 2) {
        copy(&mut source, &mut target, table, |_| ()).await.unwrap();
    }
    // As a kill leaves it.
    drop(target);
    source.close().await.unwrap();
    let refused = Database::open(&at(&app, &there)).await;
    assert!(matches!(&refused, Err(Error::Unfit(text)) if text.contains("not finished")), "{refused:?}");
    let (status, told) = ran(&["--from", &there, "--to", &sqlite(&folder, "third.db")]);
    assert!(status == Some(1) && told.contains("was not finished"), "{told}");
    let (status, told) = ran(&["--from", &here, "--to", &there]);
    assert!(status == Some(0) && told.contains("started over"), "{told}");
    let copy = Database::open(&at(&app, &there)).await.unwrap();
    let mut session = copy.read().await.unwrap();
    assert_eq!(data::job::next_due(&mut session).await.unwrap(), {
        let mut session = app.app.database.read().await.unwrap();
        data::job::next_due(&mut session).await.unwrap()
    });
    drop(session);
    copy.close().await;
    app.end().await;
}
