//! How the connections are used.

use crate::telemetry::meter::{Held, Level, Timing};
use std::time::Instant;

/// Counts of one database.
#[derive(Debug, Default)]
pub struct Meter {
    /// How long callers waited for a connection or their turn to write.
    pub acquire: Timing,
    /// How many wait now.
    pub waiting: Level,
}

/// Somebody waits; it ends when this is dropped.
pub(super) struct Turn<'a> {
    meter: &'a Meter,
    began: Instant,
    _waiting: Held<'a>,
}

impl Meter {
    pub(super) fn begin(&self) -> Turn<'_> {
        Turn { meter: self, began: Instant::now(), _waiting: self.waiting.hold() }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.meter.acquire.note(self.began.elapsed());
    }
}

/// The connections of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolCounts {
    /// What the pool is for.
    pub pool: &'static str,
    /// Open connections.
    pub size: u32,
    /// Open connections that nobody uses.
    pub idle: u32,
    /// As many as there may be.
    pub max: u32,
}

impl PoolCounts {
    pub(super) fn of<DB: sqlx::Database>(name: &'static str, pool: &sqlx::Pool<DB>) -> Self {
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        Self { pool: name, size: pool.size(), idle, max: pool.options().get_max_connections() }
    }
}
