//! Bringing a database up to date: again, by two nodes at once, after a death in the middle, and never over an edit.

use super::schema::built;
use crate::support::{
    Backend,
    app::{TestApp, database_url},
    backend, full,
    rows::{dump, same, tables},
    servers::Folder,
};
use weizhan::{
    config::{self, Secret},
    data::{Database, Error},
};

/// A database of its own that nothing has been done to, with the settings to open it.
async fn fresh(app: &TestApp, folder: &Folder) -> config::Database {
    let mut settings = app.app.config.database.clone();
    settings.url = Secret::new(database_url(folder).await);
    settings
}

async fn run(database: &Database, text: String) {
    let mut session = database.write().await.unwrap();
    session.execute(same(text), ()).await.unwrap();
    session.commit().await.unwrap();
}

#[tokio::test]
async fn a_second_start_changes_nothing() {
    let (app, folder) = (TestApp::new().await, Folder::new("migrate"));
    let settings = fresh(&app, &folder).await;
    let first = Database::open(&settings).await.unwrap();
    let (rows, schema) = (dump(&first).await, built(&first).await);
    assert_eq!(rows["migrations"].len(), std::fs::read_dir(super::file("migrations/mysql")).unwrap().count());
    let second = Database::open(&settings).await.unwrap();
    assert_eq!((dump(&second).await, built(&second).await), (rows, schema));
    first.close().await;
    second.close().await;
    app.end().await;
}

#[tokio::test]
async fn an_edited_migration_is_refused() {
    let (app, folder) = (TestApp::new().await, Folder::new("migrate"));
    let settings = fresh(&app, &folder).await;
    let first = Database::open(&settings).await.unwrap();
    run(&first, "UPDATE migrations SET checksum = 'another' WHERE version = 7".to_owned()).await;
    let refused = Database::open(&settings).await;
    assert!(
        matches!(&refused, Err(Error::Unfit(text)) if text.contains("skus") && text.contains("edited")),
        "{refused:?}"
    );
    first.close().await;
    app.end().await;
}

#[tokio::test]
async fn nodes_that_start_together_all_succeed() {
    let (app, folder) = (TestApp::new().await, Folder::new("migrate"));
    for _ in 0..if full() { 10 } else { 1 } {
        let settings = fresh(&app, &folder).await;
        let nodes = std::iter::repeat_with(|| Database::open(&settings)).take(3);
        for node in futures_util::future::join_all(nodes).await {
            let node = node.expect("a node that starts with others");
            assert_eq!(built(&node).await, built(&app.app.database).await);
            node.close().await;
        }
    }
    app.end().await;
}

/// A process that dies between a statement and its note leaves a row that is not done, and what follows is missing.
#[tokio::test]
async fn a_death_in_the_middle_is_made_good() {
    if backend() != Backend::Mariadb {
        return;
    }
    let (app, folder) = (TestApp::new().await, Folder::new("migrate"));
    let whole = built(&app.app.database).await;
    let settings = fresh(&app, &folder).await;
    let database = Database::open(&settings).await.unwrap();
    let made: Vec<(i64, String)> = {
        let text = same("SELECT version, name FROM migrations ORDER BY version".to_owned());
        database.read().await.unwrap().all(text, ()).await.unwrap()
    };
    let noted = dump(&database).await;
    for (died, with_statement) in [(1, true), (1, false), (12, true), (12, false), (25, true), (26, true), (26, false)]
    {
        for table in tables(&database).await.iter().filter(|table| *table != "migrations") {
            run(&database, format!("DROP TABLE {table}")).await;
        }
        for (version, name) in made.iter().filter(|(version, _)| *version < died + i64::from(with_statement)) {
            let file = format!("migrations/mysql/{version:04}_{}.sql", name.replace(' ', "_"));
            run(&database, std::fs::read_to_string(super::file(&file)).unwrap()).await;
        }
        run(&database, format!("DELETE FROM migrations WHERE version > {died}")).await;
        run(&database, format!("UPDATE migrations SET done = 0 WHERE version = {died}")).await;
        let next = Database::open(&settings).await.unwrap_or_else(|error| panic!("{died} {with_statement}: {error:?}"));
        assert_eq!(built(&next).await, whole, "{died} {with_statement}");
        assert_eq!(dump(&next).await, noted, "{died} {with_statement}");
        next.close().await;
    }
    database.close().await;
    app.end().await;
}

/// SQLite runs all that is missing in one transaction: what fails in the middle leaves nothing of it.
#[tokio::test]
async fn a_failure_in_the_middle_leaves_nothing_on_sqlite() {
    if backend() != Backend::Sqlite {
        return;
    }
    let (app, folder) = (TestApp::new().await, Folder::new("migrate"));
    let settings = fresh(&app, &folder).await;
    let database = Database::open(&settings).await.unwrap();
    for table in tables(&database).await.iter().filter(|table| *table != "orders") {
        run(&database, format!("DROP TABLE {table}")).await;
    }
    assert!(matches!(Database::open(&settings).await, Err(Error::Driver { .. })), "the table is there already");
    assert_eq!(tables(&database).await, ["orders"]);
    run(&database, "DROP TABLE orders".to_owned()).await;
    let next = Database::open(&settings).await.unwrap();
    assert_eq!(built(&next).await, built(&app.app.database).await);
    next.close().await;
    database.close().await;
    app.end().await;
}
