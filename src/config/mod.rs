//! Settings: the sections of `config/default.toml`, read in layers, checked as a whole, shown without secrets.
//!
//! Layers, the later wins: `config/default.toml` (built in, the reference) ← the file of `--config` ← the environment ←
//! options of the command line. Every fault of all layers is told at once and names its key. This module reads
//! files but never the process environment: the command line hands it in, so that tests can hand in theirs.
//!
//! It may use `model` alone; everything else may use it.
//!
//! **How to add a key:** a field with a doc comment in [`settings`](self) (or `cos.rs`, `wechat.rs`), the key with its default and
//! a comment above it in `config/default.toml`, and a rule in `check.rs` if some values make no sense. A secret is a
//! [`Secret`] with a twin `…_file` beside it, listed in `secrets.rs`. The tests name what is forgotten.

mod check;
mod cos;
mod fault;
mod key;
mod live;
mod load;
mod message;
mod network;
mod secret;
mod secrets;
mod settings;
#[cfg(test)]
mod tests;
mod wechat;

pub use check::{DEV_MARK, DEV_MARK_PLAIN, Purpose};
pub use cos::Cos;
pub use fault::{Fault, Faults};
pub use live::{Live, LiveLog, LivePay};
pub use message::{Messages, Template};
pub use network::{Network, Networks};
pub use secret::Secret;
pub use settings::*;
pub use wechat::{App, Moderation, Pay, Wechat};

/// The text of `config/default.toml`: every key, its default and its meaning.
pub const DEFAULT: &str = include_str!("../../config/default.toml");
/// The text of `config/example.toml`: what a deployment sets, with placeholders that [`Config::check`] refuses.
pub const EXAMPLE: &str = include_str!("../../config/example.toml");

impl Config {
    /// The settings as TOML, each secret shown as `(set)` or `(unset)`; for `weizhan check`.
    pub fn redacted(&self) -> String {
        toml::to_string(self).expect("every setting has a form in TOML")
    }
}
