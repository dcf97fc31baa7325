//! How each kind of entry is kept.

use crate::config;
use std::time::Duration;

/// Kinds of entries there can be: what [`Policy::place`] stays below.
pub const PLACES: usize = 16;
/// How long a value that does not exist is remembered not to: it may be made at any moment.
pub const NEGATIVE_MAX: Duration = Duration::from_secs(1);
/// How long a sign-in is believed without asking the database, on any node.
pub const SIGN_IN_BELIEVED: Duration = Duration::from_secs(5);

/// What goes when a kind has filled its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eviction {
    /// What is asked for least often; one that is new and rarely asked for is not let in.
    TinyLfu,
    /// What was not asked for the longest.
    Lru,
    /// What was put in first, however often it is asked for.
    Fifo,
}

/// How one kind of entry is kept.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// A short word, different for each kind. Part of the keys in Redis.
    pub namespace: &'static str,
    /// Its place among the kinds of a node, different for each, so that a read finds it without a search.
    pub place: usize,
    /// What goes first.
    pub eviction: Eviction,
    /// Its part of `cache.memory_bytes_max`, in per cent: no kind can push out another.
    pub share: u64,
    /// The longest time a value may be shown as it was, over both levels together, even when an invalidation was lost.
    pub stale: fn(&config::Cache) -> Duration,
    /// How long a value that does not exist is remembered not to.
    pub negative: Duration,
    /// Whether changes are also counted in the database, where every node looks each second: for what may be shown for
    /// longer than a change may stay unseen.
    pub counted: bool,
}

/// All kinds. **Add a line here**, and its key in `key.rs`.
pub const TABLE: [Policy; 4] = [
    // A crawler that walks through the catalogue does not push out what people look at.
    Policy {
        namespace: "product",
        place: 0,
        eviction: Eviction::TinyLfu,
        share: 55,
        stale: |settings| Duration::from_millis(settings.product_stale_ms),
        negative: NEGATIVE_MAX,
        counted: false,
    },
    // People leaf on from where others just were.
    Policy {
        namespace: "product_list",
        place: 1,
        eviction: Eviction::Lru,
        share: 28,
        stale: |settings| Duration::from_millis(settings.product_stale_ms),
        negative: NEGATIVE_MAX,
        counted: false,
    },
    Policy {
        namespace: "categories",
        place: 2,
        eviction: Eviction::Lru,
        share: 2,
        stale: |settings| Duration::from_millis(settings.category_stale_ms),
        negative: NEGATIVE_MAX,
        counted: true,
    },
    // All live equally short: the first one in is the first to end.
    Policy {
        namespace: "sign_in",
        place: 3,
        eviction: Eviction::Fifo,
        share: 15,
        stale: |_| SIGN_IN_BELIEVED,
        negative: NEGATIVE_MAX,
        counted: false,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_place_and_a_name_of_its_own_and_they_share_one_budget() {
        for (place, policy) in TABLE.iter().enumerate() {
            assert_eq!(policy.place, place, "{}", policy.namespace);
            assert!(policy.namespace.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert_eq!(TABLE.iter().filter(|other| other.namespace == policy.namespace).count(), 1);
        }
        assert_eq!(TABLE.iter().map(|policy| policy.share).sum::<u64>(), 100);
        const { assert!(TABLE.len() <= PLACES) };
    }
}
