//! Recomputing from the rows what must be true of them.

use crate::{
    app::App,
    data::{self, Database, verify::CHECKS},
    service::{Error, Never, audit},
};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check: `stock.ledger`.
    pub name: &'static str,
    /// What is true when nothing is found.
    pub claim: &'static str,
    /// What the ids are ids of.
    pub noun: &'static str,
    /// The rows that break it.
    pub ids: Vec<i64>,
}

/// How many checks [`run`] makes.
pub const COUNT: usize = CHECKS.len() + 1;

/// Run every check; `done` is called after each. A finding without ids is a check that holds.
pub async fn run(app: &App, done: impl FnMut(&Finding)) -> Result<Vec<Finding>, Error<Never>> {
    on(&app.database, done).await
}

/// The same on a database that no application has: the checks need nothing else.
pub async fn on(database: &Database, mut done: impl FnMut(&Finding)) -> Result<Vec<Finding>, Error<Never>> {
    let mut findings = Vec::with_capacity(COUNT);
    for check in CHECKS {
        let ids = data::verify::broken(&mut database.read().await?, check).await?;
        findings.push(Finding { name: check.name, claim: check.claim, noun: check.noun, ids });
        done(&findings[findings.len() - 1]);
    }
    findings.push(audit_chain(database).await?);
    done(&findings[findings.len() - 1]);
    Ok(findings)
}

/// Walk the audit chain from its start to its head.
async fn audit_chain(database: &Database) -> Result<Finding, Error<Never>> {
    let mut session = database.read().await?;
    let (mut last, mut hash) = (0, "0".repeat(64));
    let mut ids = Vec::new();
    let (head, head_hash) = data::audit::head(&mut session).await?;
    loop {
        let rows = data::audit::list(&mut session, last, 500).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if row.seq != last + 1 || row.prev_hash != hash || row.hash != audit::hash(&row) {
                ids.push(row.seq);
            }
            (last, hash) = (row.seq, row.hash);
        }
    }
    // Rows written after the head was read are later than it; an end before it is a loss.
    if last < head || (last == head && hash != head_hash) {
        ids.push(head);
    }
    Ok(Finding { name: "audit.chain", claim: "the audit chain has no gap and no altered row", noun: "audit row", ids })
}
