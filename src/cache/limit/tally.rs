//! What this node knows of each caller, in memory that is bounded.

use super::{Caller, Limited, gcra::Nanos};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Parts that are locked by themselves.
const SHARDS: usize = 32;
/// A part is not swept below this.
const SWEEP_FROM: usize = 1_024;
/// Most callers of a part: a million in all, some hundred megabytes, and only while a million addresses call.
const CALLERS_MAX: usize = 32_768;

/// A caller under one limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    /// When its allowance will be whole.
    pub(super) whole_at: Nanos,
    /// Calls let through that Redis has not been told of.
    pub(super) untold: u32,
    /// Whether Redis is being told.
    pub(super) telling: bool,
}

type Key = (Limited, Caller);

#[derive(Debug)]
struct Shard {
    entries: HashMap<Key, Entry>,
    sweep_at: usize,
    callers_max: usize,
}

/// All callers.
#[derive(Debug)]
pub(super) struct Tally {
    shards: Vec<Mutex<Shard>>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self::bounded(CALLERS_MAX)
    }

    fn bounded(callers_max: usize) -> Self {
        let shard = || Mutex::new(Shard { entries: HashMap::new(), sweep_at: SWEEP_FROM, callers_max });
        Self { shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    /// Look at a caller and change what is known of it; nobody else does meanwhile.
    pub(super) fn with<T>(&self, key: &Key, now: Nanos, act: impl FnOnce(&mut Entry) -> T) -> T {
        let mut shard = self.shard(key);
        if let Some(entry) = shard.entries.get_mut(key) {
            return act(entry);
        }
        if shard.entries.len() >= shard.sweep_at {
            shard.sweep(now);
        }
        act(shard.entries.entry(key.clone()).or_default())
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        self.shards[place(&key.1)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many callers are remembered.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).entries.len()).sum()
    }
}

/// The part that a caller is in. Somebody who chooses addresses can crowd one part, and only that one is then swept often:
/// it need not be hard to foresee, as the places within a part are.
fn place(caller: &Caller) -> usize {
    let number = match caller {
        Caller::Address(IpAddr::V4(four)) => u64::from(four.to_bits()),
        Caller::Address(IpAddr::V6(six)) => u64::try_from(six.to_bits() >> 64).unwrap_or(0),
        Caller::User(id) => id.cast_unsigned(),
        Caller::All(name) => name.bytes().fold(0_u64, |number, byte| number.wrapping_mul(31).wrapping_add(byte.into())),
    };
    // The golden ratio in 64 bits: neighbours go far apart.
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(spread).unwrap_or(0) % SHARDS
}

impl Shard {
    /// Forget who has its whole allowance; and when that is not enough, those who have used the least of it.
    fn sweep(&mut self, now: Nanos) {
        self.entries.retain(|_, entry| entry.whole_at > now || entry.telling);
        if self.entries.len() >= self.callers_max {
            let mut ends: Vec<_> = self.entries.values().map(|entry| entry.whole_at).collect();
            let middle = ends.len() / 2;
            let (_, median, _) = ends.select_nth_unstable(middle);
            let median = *median;
            self.entries.retain(|_, entry| entry.whole_at > median);
        }
        self.sweep_at = (self.entries.len() * 2).clamp(SWEEP_FROM, self.callers_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: i64) -> Key {
        (Limited::User, Caller::User(number))
    }

    #[test]
    fn who_is_whole_again_is_forgotten_and_memory_is_bounded() {
        let callers_max = SWEEP_FROM * 2;
        let tally = Tally::bounded(callers_max);
        let many = i64::try_from(SHARDS * SWEEP_FROM * 2).unwrap();
        for number in 0..many {
            // All of them are whole again when the next one comes.
            let now = u64::try_from(number).unwrap();
            tally.with(&key(number), now, |entry| entry.whole_at = now + 1);
        }
        assert!(tally.len() <= SHARDS * SWEEP_FROM, "{}", tally.len());
        let most = SHARDS * callers_max;
        let crowd = i64::try_from(most + most / 4).unwrap();
        for number in 0..crowd {
            tally.with(&key(many + number), 0, |entry| entry.whole_at = 1_000 + u64::try_from(number).unwrap());
        }
        assert!(tally.len() <= most, "{}", tally.len());
        // Whoever used most is remembered.
        tally.with(&key(many + crowd - 1), 0, |entry| assert!(entry.whole_at > 0));
    }
}
