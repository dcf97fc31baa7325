//! Rows of `bindings`. A change of them counts as one of the settings: see [`setting`](super::setting).

use super::{Error, Session};
use crate::model::binding::Binding;

statements! {
    LIST = "SELECT pattern, queue, gray_queue, gray_percent FROM bindings ORDER BY pattern, queue";
    INSERT = "INSERT INTO bindings (pattern, queue, gray_queue, gray_percent) VALUES (?, ?, ?, ?)";
    REMOVE = "DELETE FROM bindings WHERE pattern = ? AND queue = ?";
}

/// All of them.
pub async fn list(session: &mut Session) -> Result<Vec<Binding>, Error> {
    session.all(LIST, ()).await
}
/// A new one; `false` when this pattern is bound to this queue already.
pub async fn insert(session: &mut Session, row: &Binding) -> Result<bool, Error> {
    let Binding { pattern, queue, gray_queue, gray_percent } = row;
    session.insert_new(INSERT, (pattern.as_str(), queue.as_str(), gray_queue.as_deref(), *gray_percent)).await
}
/// Take one away; `false` when there is none.
pub async fn remove(session: &mut Session, pattern: &str, queue: &str) -> Result<bool, Error> {
    Ok(session.execute(REMOVE, (pattern, queue)).await? == 1)
}
