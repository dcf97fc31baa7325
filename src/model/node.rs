//! The processes that serve one shop.

use crate::model::time::Timestamp;
use std::time::Duration;

/// Node numbers are part of ids: 0 to 31.
pub const NUMBERS: i64 = 32;
/// A clock that is further from the database's is told of.
pub const SKEW_TOLD: Duration = Duration::from_secs(2);
/// A node whose clock is further from the database's leads nothing and begins no period.
pub const SKEW_MAX: Duration = Duration::from_mins(1);

word_enum! {
    /// What a process with a node number does.
    pub enum NodeState {
        /// Serves requests and jobs.
        Serving = "serving",
        /// Was told to stop, and finishes what is under way.
        Draining = "draining",
        /// A command such as `weizhan seed`: it makes ids and serves nobody.
        Tool = "tool",
        /// Has stopped in order: its number is free.
        Gone = "gone",
    }
}

/// A process with a node number, or the last one that had it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Node {
    /// Its number, 0 to 31: part of every id that it makes.
    pub number: i64,
    /// Names the process; random, so that a restart is another.
    pub holder: String,
    /// Where it listens.
    pub address: String,
    /// Of the program.
    pub version: String,
    /// What it does.
    pub state: NodeState,
    /// When it took the number.
    pub started_ms: Timestamp,
    /// When it was last heard of, by the database's time.
    pub heartbeat_ms: Timestamp,
    /// Until when the number is its own; also the end of what its ids may say.
    pub expires_ms: Timestamp,
    /// How far its clock is ahead of the database's; negative when it is behind.
    pub skew_ms: i64,
    /// The version of settings and flags that it has seen.
    pub settings_version: i64,
}

impl Node {
    /// Whether another process may take the number.
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.state == NodeState::Gone || self.expires_ms < now
    }
    /// Whether it serves requests and was heard of since.
    pub fn is_alive(&self, since: Timestamp) -> bool {
        matches!(self.state, NodeState::Serving | NodeState::Draining) && self.heartbeat_ms >= since
    }
}

/// Numbers to try, best first: the one that the settings name, else all; servers from below and tools from above, so
/// that a shop's numbers are the small ones.
pub fn candidates(fixed: Option<u8>, state: NodeState) -> Vec<i64> {
    match (fixed, state) {
        (_, NodeState::Tool) => (0..NUMBERS).rev().collect(),
        (Some(number), _) => vec![i64::from(number)],
        (None, _) => (0..NUMBERS).collect(),
    }
}

/// Whether a clock may be trusted with periods and leases.
pub fn is_clock_sure(skew_ms: i64) -> bool {
    u128::from(skew_ms.unsigned_abs()) <= SKEW_MAX.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_count_from_below_and_tools_from_above() {
        assert_eq!(candidates(None, NodeState::Serving)[..2], [0, 1]);
        assert_eq!(candidates(Some(7), NodeState::Serving), [7]);
        assert_eq!(candidates(Some(7), NodeState::Tool)[..2], [31, 30], "the number of the settings is the server's");
        assert_eq!(candidates(None, NodeState::Tool).len(), 32);
    }

    #[test]
    fn a_minute_is_the_most_a_clock_may_be_off() {
        for (skew, sure) in [(0, true), (60_000, true), (-60_000, true), (60_001, false), (-60_001, false)] {
            assert_eq!(is_clock_sure(skew), sure, "{skew}");
        }
        assert!(!is_clock_sure(i64::MIN));
    }
}
