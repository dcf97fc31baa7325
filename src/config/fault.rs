//! What is wrong with the settings.

use std::fmt;

/// One thing that is wrong, with the key it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where the value came from (`shop.toml:12`, `environment WEIZHAN__NODE__ID`), or empty if nothing set it.
    pub origin: String,
    /// The key as `section.key`; empty when a file cannot be read at all.
    pub key: String,
    /// What is wrong, never with the value of a secret.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.origin, &self.key] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.message)
    }
}

/// All that is wrong; `Display` gives one fault a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, origin: &str, key: &str, message: impl Into<String>) {
        self.0.push(Fault { origin: origin.to_owned(), key: key.to_owned(), message: message.into() });
    }

    /// `Ok` with the value if there are none.
    pub(super) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, fault) in self.0.iter().enumerate() {
            if line > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
