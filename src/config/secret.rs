//! Text that never shows itself.

use serde::{Deserialize, Serialize};

/// A secret setting. `Debug` and `Serialize` show whether it is set, never what it is; there is no `Display`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keep this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The text itself; whoever calls this must not log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    fn mark(&self) -> &'static str {
        if self.0.is_empty() { "(unset)" } else { "(set)" }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.mark())
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(self.mark())
    }
}
