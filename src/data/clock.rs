//! The time of the database: the one that nodes share.

use super::{Error, Session};
use crate::model::time::Timestamp;

statements! {
    NOW = {
        mysql: "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
        sqlite: "SELECT CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)",
    };
}

/// What time it is for the database, to the millisecond. On SQLite that is the time of this machine.
pub async fn now(session: &mut Session) -> Result<Timestamp, Error> {
    session.number(NOW, ()).await.map(Timestamp)
}
