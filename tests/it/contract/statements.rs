//! Every statement of every noun is accepted by the database at hand, and none is forgotten by the list of them.

use super::source::files;
use crate::support::app::TestApp;
use std::collections::BTreeSet;
use weizhan::data::STATEMENTS;

#[tokio::test]
async fn every_statement_prepares() {
    let app = TestApp::new().await;
    let mut session = app.app.database.read().await.unwrap();
    let mut refused = Vec::new();
    for sql in STATEMENTS.iter().copied().flatten() {
        if let Err(error) = session.prepare(*sql).await {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            refused.push(format!("{error}: {}", source.unwrap_or_default()));
        }
    }
    drop(session);
    assert!(refused.is_empty(), "{refused:#?}");
    app.end().await;
}

#[test]
fn every_file_with_statements_is_in_the_list() {
    let all: Vec<_> = STATEMENTS.iter().copied().flatten().map(|sql| sql.name).collect();
    let names: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!(names.len(), all.len(), "two statements have one name");
    for file in files("src/data").iter().filter(|file| file.text.contains("\nstatements! {")) {
        let module = file.path.trim_start_matches("src/").trim_end_matches(".rs").replace('/', "::");
        let listed = names.iter().any(|name| name.starts_with(&format!("weizhan::{module}::")));
        assert!(listed, "{} is missing in data::STATEMENTS", file.path);
    }
}
