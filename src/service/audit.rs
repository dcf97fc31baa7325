//! Changes by staff: the only way for them to a writable session, and it leaves a row in the audit chain.

use crate::{
    app::App,
    data::{self, Session, audit::AuditRow},
    model::refusal::Refusal,
    service::{Error, staff::Clerk},
};
use aws_lc_rs::digest;
use serde::Serialize;
use std::ops::{Deref, DerefMut};

/// A writable session in the hands of staff. It can only be committed together with a row of the audit.
#[derive(Debug)]
pub struct Act {
    session: Session,
}

impl Deref for Act {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.session
    }
}
impl DerefMut for Act {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

/// Begin a change. Whether the clerk has the right was decided at the door.
pub async fn begin(app: &App) -> Result<Act, data::Error> {
    Ok(Act { session: app.database.write().await? })
}

impl Act {
    /// End without a row, because nothing was changed: an answer is repeated. It waits for the disk all the same, since on
    /// SQLite what was read may belong to a group that is not on it yet.
    pub async fn unchanged(self) -> Result<(), data::Error> {
        self.session.commit().await
    }
    /// Write down who did what to which thing, and commit.
    pub async fn commit<R: Refusal>(
        mut self,
        app: &App,
        clerk: &Clerk,
        action: &str,
        target: &str,
        detail: &impl Serialize,
    ) -> Result<(), Error<R>> {
        let (seq, prev_hash) = data::audit::step(&mut self.session).await?;
        let mut row = AuditRow {
            seq,
            at_ms: app.now(),
            staff_id: clerk.id,
            ip: clerk.ip.clone(),
            action: action.to_owned(),
            target: target.to_owned(),
            detail: serde_json::to_string(detail).unwrap_or_default(),
            request_id: clerk.request_id.clone(),
            prev_hash,
            hash: String::new(),
        };
        row.hash = hash(&row);
        data::audit::insert(&mut self.session, &row).await?;
        self.session.commit().await?;
        Ok(())
    }
}

/// Hash of a row with the hash before it: SHA-256 over its fields as a JSON array.
pub fn hash(row: &AuditRow) -> String {
    let AuditRow { seq, at_ms, staff_id, ip, action, target, detail, request_id, prev_hash, hash: _ } = row;
    let fields = (prev_hash, seq, at_ms, staff_id, ip, action, target, detail, request_id);
    let text = serde_json::to_vec(&fields).unwrap_or_default();
    hex::encode(digest::digest(&digest::SHA256, &text))
}
