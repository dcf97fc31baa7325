//! Rows of `staff`.

use super::{Error, Session};
use crate::model::{id::StaffId, staff::Staff};

statements! {
    FIND = "SELECT id, name, password_hash, permissions, active, created_ms FROM staff WHERE id = ?";
    FIND_BY_NAME = "SELECT id, name, password_hash, permissions, active, created_ms FROM staff WHERE name = ?";
    INSERT = "INSERT INTO staff (id, name, password_hash, permissions, active, created_ms) VALUES (?, ?, ?, ?, ?, ?)";
}

/// One member of staff.
pub async fn find(session: &mut Session, id: StaffId) -> Result<Option<Staff>, Error> {
    session.optional(FIND, (id,)).await
}
/// By sign-in name, byte for byte.
pub async fn find_by_name(session: &mut Session, name: &str) -> Result<Option<Staff>, Error> {
    session.optional(FIND_BY_NAME, (name,)).await
}
/// A new one; `false` when the name is taken.
pub async fn insert(session: &mut Session, row: &Staff) -> Result<bool, Error> {
    let Staff { id, name, password_hash, permissions, active, created_ms } = row;
    let values = (*id, name.as_str(), password_hash.as_str(), permissions.as_str(), *active, *created_ms);
    session.insert_new(INSERT, values).await
}
