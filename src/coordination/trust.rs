//! How long a process believes what the database said of it.

use crate::{app::App, model::time::Timestamp};
use std::time::{Duration, Instant};

/// What a row grants is trusted for less than it lasts, counted from before it was asked for, by both clocks of this
/// machine: one of them does not stop when the machine sleeps, the other is never set. So a process that was frozen
/// notices as soon as it wakes.
#[derive(Debug, Clone, Copy)]
pub struct Trust {
    lasts: Duration,
    wall: Timestamp,
    monotonic: Instant,
}

impl Trust {
    /// Of what is asked for now and granted for the time of a lease.
    pub fn begin(app: &App) -> Self {
        Self { lasts: app.lease() / 5 * 4, wall: app.now(), monotonic: Instant::now() }
    }
    /// Whether it may still be believed.
    pub fn holds(&self, app: &App) -> bool {
        let now = app.now();
        now >= self.wall && now.since(self.wall) < self.lasts && self.monotonic.elapsed() < self.lasts
    }
}
