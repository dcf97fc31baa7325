//! What is counted of calls to WeChat.

use super::{Error, Wechat};
use crate::telemetry::meter::{Counter, Tally};
use std::time::Duration;

/// Counts of one client.
#[derive(Debug, Default)]
pub struct Meter {
    /// Calls by operation and outcome: `ok`, or the word of an [`ErrorKind`](super::ErrorKind).
    pub calls: Tally,
    /// Access tokens that were forced; WeChat allows twenty a day.
    pub forced: Counter,
}

impl Meter {
    /// One more call ended.
    pub(super) fn note<T>(&self, operation: &'static str, result: &Result<T, Error>, took: Duration) {
        let outcome = result.as_ref().map_or_else(|error| error.kind().as_str(), |_| "ok");
        self.calls.note(operation, outcome, took);
    }
}

impl Wechat {
    /// How calls went.
    pub fn meter(&self) -> &Meter {
        &self.0.meter
    }
}
