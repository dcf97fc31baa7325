//! Settings that a running shop changes, each under a version.

use crate::model::{id::StaffId, time::Timestamp};

/// A setting that differs from the file.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Setting {
    /// `order.unpaid_minutes`.
    pub name: String,
    /// Of all settings and flags together, when this one was changed last; so no version comes twice.
    pub version: i64,
    /// In JSON.
    pub value: String,
    /// By whom.
    pub staff_id: StaffId,
    /// When.
    pub changed_ms: Timestamp,
}

/// What a setting became.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SettingChange {
    /// Which.
    pub name: String,
    /// The version that began.
    pub version: i64,
    /// In JSON; absent: what the file says.
    pub value: Option<String>,
    /// By whom.
    pub staff_id: StaffId,
    /// When.
    pub changed_ms: Timestamp,
}

refusals! {
    /// Why a setting stays as it is.
    pub enum SettingRefusal {
        /// There is none of that name that a running shop changes.
        NotFound = Missing, "setting.not_found", "no such setting can be changed while the shop runs";
        /// Somebody else changed it.
        Changed { version: i64 } = Conflict, "setting.changed", "the setting has version {version} by now";
        /// The rules of the settings refuse the value.
        Unfit { key: String, why: String } = Invalid, "setting.unfit", "{key}: {why}";
    }
}

impl crate::model::refusal::Refusal for SettingRefusal {
    fn kind(&self) -> crate::model::refusal::Kind {
        self.kind_of()
    }
    fn code(&self) -> &'static str {
        self.code_of()
    }
    fn pointer(&self) -> Option<String> {
        matches!(self, Self::Unfit { .. }).then(|| "/value".to_owned())
    }
}
