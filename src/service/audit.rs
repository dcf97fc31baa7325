//! Changes by staff: the only way for them to a writable session, and it leaves a row in the audit chain.
//!
//! The rows are a chain of hashes and cannot be blanked when a person goes. So what names a person never enters them: callers
//! leave out openids, what buyers write, pictures and the numbers of parcels. What happened to which thing is enough to find
//! the rest in the rows while it is there.

use crate::{
    app::App,
    data::{self, Session, audit::AuditRow},
    model::{id::StaffId, refusal::Refusal},
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
        write(app, &mut self.session, (clerk.id, &clerk.ip, &clerk.request_id), (action, target), detail).await?;
        self.session.commit().await?;
        Ok(())
    }
}

/// Nobody of the staff.
const NOBODY: StaffId = StaffId(0);

/// Write down what a person did to its own account, in the session of it: staff 0, from nowhere.
pub async fn note(
    app: &App,
    session: &mut Session,
    action: &str,
    target: &str,
    detail: &impl Serialize,
) -> Result<(), data::Error> {
    write(app, session, (NOBODY, "", ""), (action, target), detail).await
}

async fn write(
    app: &App,
    session: &mut Session,
    (staff_id, ip, request_id): (StaffId, &str, &str),
    (action, target): (&str, &str),
    detail: &impl Serialize,
) -> Result<(), data::Error> {
    let (seq, prev_hash) = data::audit::step(session).await?;
    let mut row = AuditRow {
        seq,
        at_ms: app.now(),
        staff_id,
        ip: ip.to_owned(),
        action: action.to_owned(),
        target: target.to_owned(),
        detail: serde_json::to_string(detail).unwrap_or_default(),
        request_id: request_id.to_owned(),
        prev_hash,
        hash: String::new(),
    };
    row.hash = hash(&row);
    data::audit::insert(session, &row).await
}

/// Hash of a row with the hash before it: SHA-256 over its fields as a JSON array.
pub fn hash(row: &AuditRow) -> String {
    let AuditRow { seq, at_ms, staff_id, ip, action, target, detail, request_id, prev_hash, hash: _ } = row;
    let fields = (prev_hash, seq, at_ms, staff_id, ip, action, target, detail, request_id);
    let text = serde_json::to_vec(&fields).unwrap_or_default();
    hex::encode(digest::digest(&digest::SHA256, &text))
}
