//! Rows of `cache_versions`: how often what is cached of a kind was changed, for nodes that look because nobody may tell them.

use super::{Error, Session};

statements! {
    STEP = "UPDATE cache_versions SET version = version + 1 WHERE namespace = ?";
    INSERT = "INSERT INTO cache_versions (namespace, version) VALUES (?, 1)";
    LIST = "SELECT namespace, version FROM cache_versions ORDER BY namespace";
}

/// Count a change, in its transaction. Changes of the same kind wait for each other.
pub async fn step(session: &mut Session, namespace: &str) -> Result<(), Error> {
    if session.execute(STEP, (namespace,)).await? == 0 && !session.insert_new(INSERT, (namespace,)).await? {
        session.execute(STEP, (namespace,)).await?;
    }
    Ok(())
}
/// Each kind that was ever changed, with its count.
pub async fn list(session: &mut Session) -> Result<Vec<(String, i64)>, Error> {
    session.all(LIST, ()).await
}
