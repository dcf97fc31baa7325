//! Hot copies that a change made old, named so that a job can carry them.

/// One cached entry, or all of a kind.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hot {
    /// The kind of entry.
    pub namespace: String,
    /// Which one of its kind; absent for all of them.
    pub name: Option<String>,
}
