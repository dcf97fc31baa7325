//! Settings: the sections of `config/default.toml`, read, checked and shown redacted.

mod secret;
mod settings;

pub use secret::Secret;
pub use settings::*;
