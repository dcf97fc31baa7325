//! Rows of `visits`.

use super::{Each, Error, Session};
use crate::model::{
    time::Day,
    visit::{Visit, VisitScope},
};

statements! {
    DELETE = "DELETE FROM visits WHERE appid = ? AND day = ? AND scope = ?";
    INSERT = "INSERT INTO visits (appid, day, scope, name, metric, value) VALUES {(?, ?, ?, ?, ?, ?)}";
    LIST = "SELECT day, scope, name, metric, value FROM visits WHERE appid = ? AND day BETWEEN ? AND ? AND scope = ?
            ORDER BY day, name, metric";
    COUNT = "SELECT COUNT(*) FROM visits WHERE appid = ? AND day = ? AND scope = ?";
}

/// Rows of one statement.
const ROWS: usize = 200;

/// The figures of a day about these things, in place of those that were there.
pub async fn replace(
    session: &mut Session,
    appid: &str,
    (day, scope): (Day, VisitScope),
    rows: &[Visit],
) -> Result<(), Error> {
    session.execute(DELETE, (appid, day, scope)).await?;
    for part in rows.chunks(ROWS) {
        let values = part.iter().map(|row| (appid, row.day, row.scope, row.name.as_str(), row.metric, row.value));
        session.execute(INSERT, Each(values.collect())).await?;
    }
    Ok(())
}
/// The figures of some days about these things, in the order of days.
pub async fn list(
    session: &mut Session,
    appid: &str,
    (from, to): (Day, Day),
    scope: VisitScope,
) -> Result<Vec<Visit>, Error> {
    session.all(LIST, (appid, from, to, scope)).await
}
/// Whether there are figures of a day about these things.
pub async fn is_known(session: &mut Session, appid: &str, day: Day, scope: VisitScope) -> Result<bool, Error> {
    Ok(session.number(COUNT, (appid, day, scope)).await? > 0)
}
