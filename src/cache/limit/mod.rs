//! How often a caller may call: GCRA on this node first, and over all nodes by Redis.
//!
//! A node judges by what it knows of a caller, which costs no round trip. What it let through it tells Redis in small
//! parts ([`UNTOLD_PART`] of a limit over all nodes) and learns how much the other nodes let through; between two answers it
//! can be wrong by that much and no more. Limits that cost money or guard a secret, and small ones, ask Redis each time.
//!
//! Without an answer within [`config::Limits::redis_timeout_ms`] a node keeps to its part of each limit by itself: one of as
//! many as there are nodes, and half of that where somebody may be guessing ([`Limited::is_guarded`]).
//!
//! **How to add one:** a variant of [`Limited`], its setting in `Rules`, and a call of `http::limit`.

mod gcra;
mod limited;
mod rules;
mod shared;
mod tally;
#[cfg(test)]
mod test;

use super::Error;
use crate::config;
use gcra::{Gcra, Nanos};
pub use limited::{Caller, LimitCounts, Limited, Standing, TooMany};
use rules::Rules;
use shared::{Reach, Reply, Shared};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tally::{Entry, Tally};
use tokio_util::task::TaskTracker;

/// A node does not tell Redis of calls one by one but when they are this part of a limit, divided by the nodes. Up to two
/// such parts on each node are not known to the others, so all nodes together are wrong by one in 25 at most.
pub const UNTOLD_PART: u32 = 50;
/// As many nodes are assumed at least when that is divided: a node may not know yet how many there are.
const NODES_MIN: u32 = 3;

#[derive(Debug)]
enum Time {
    Machine(Instant),
    #[cfg(test)]
    Held(Arc<AtomicU64>),
}

/// All limits, as this node keeps them. A clone is the same.
#[derive(Clone)]
pub struct Limits(Arc<Parts>);

struct Parts {
    rules: Rules,
    tally: Tally,
    shared: Option<Shared>,
    time: Time,
    nodes: AtomicU32,
    refused: [AtomicU64; 8],
    tasks: TaskTracker,
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits(…)")
    }
}

/// What comes of a call at first sight.
enum Judged {
    Done(Result<Standing, TooMany>),
    /// It may come, and so many are to be told to Redis meanwhile.
    Tell(Standing, u32),
    /// Only Redis knows.
    Ask,
}

impl Limits {
    /// The limits of the settings, over all nodes if there is a Redis.
    pub fn open(settings: &config::Limits, cache: &config::Cache) -> Result<Self, Error> {
        let patience = Duration::from_millis(settings.redis_timeout_ms);
        let shared = (!cache.redis_url.is_empty()).then(|| Shared::new(cache, patience)).transpose()?;
        Ok(Self::with(settings, shared, Time::Machine(Instant::now())))
    }

    fn with(settings: &config::Limits, shared: Option<Shared>, time: Time) -> Self {
        let rules = Rules::new(settings);
        let (tally, nodes, refused, tasks) = (Tally::new(), AtomicU32::new(1), Default::default(), TaskTracker::new());
        Self(Arc::new(Parts { rules, tally, shared, time, nodes, refused, tasks }))
    }

    /// Other limits from now on. What callers have used stays used, as a part of the new allowance.
    pub fn replace(&self, settings: &config::Limits) {
        self.0.rules.set(settings);
    }

    /// How many nodes share the limits, this one included; matters while Redis does not answer.
    pub fn set_nodes_alive(&self, count: u32) {
        self.0.nodes.store(count.max(1), Ordering::Relaxed);
    }

    /// Whether there is a limit of this kind at all.
    pub fn has(&self, limited: Limited) -> bool {
        self.0.rules.has(limited)
    }

    /// Count one call. `None` where nothing is limited.
    pub async fn check(&self, limited: Limited, caller: Caller) -> Result<Option<Standing>, TooMany> {
        let key = (limited, caller);
        let Some(per_minute) = self.0.rules.find(&key) else { return Ok(None) };
        let outcome = match self.0.judge(&key, per_minute) {
            Judged::Done(outcome) => outcome,
            Judged::Tell(standing, told) => {
                self.tell(key, per_minute, told);
                Ok(standing)
            }
            // On the heap: the usual call does not carry the room for a question.
            Judged::Ask => Box::pin(self.0.ask(&key, per_minute)).await,
        };
        if outcome.is_err() {
            self.0.refused[limited as usize].fetch_add(1, Ordering::Relaxed);
        }
        outcome.map(Some)
    }

    fn tell(&self, key: (Limited, Caller), per_minute: u32, told: u32) {
        let parts = self.0.clone();
        self.0.tasks.spawn(async move {
            let (gcra, Some(shared)) = (Gcra::new(per_minute, 1), &parts.shared) else { return };
            let reply = shared.count(&key, gcra, told, false, parts.now()).await;
            parts.learn(&key, gcra, Some(told), reply);
        });
    }

    /// What they did so far.
    pub fn counts(&self) -> LimitCounts {
        let parts = &self.0;
        let refused = Limited::ALL.map(|limited| (limited, parts.refused[limited as usize].load(Ordering::Relaxed)));
        LimitCounts {
            refused,
            fallbacks: parts.shared.as_ref().map_or(0, Shared::fallbacks),
            callers: parts.tally.len(),
            shared: parts.shared.as_ref().is_some_and(Shared::is_up),
        }
    }
}

impl Parts {
    fn now(&self) -> Nanos {
        match &self.time {
            Time::Machine(began) => u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX),
            #[cfg(test)]
            Time::Held(now) => now.load(Ordering::Relaxed),
        }
    }

    /// Whether calls are counted over all nodes at this moment.
    fn is_together(self: &Arc<Self>, now: Nanos) -> bool {
        let Some(shared) = &self.shared else { return false };
        match shared.reach(now) {
            Reach::Up => return true,
            Reach::Down => {}
            Reach::Try => {
                let parts = self.clone();
                self.tasks.spawn(async move {
                    if let Some(shared) = &parts.shared {
                        shared.try_again(parts.now()).await;
                    }
                });
            }
        }
        shared.fall_back();
        false
    }

    /// This node's part of a limit while it counts alone.
    fn part(&self, limited: Limited, per_minute: u32) -> Gcra {
        let nodes = self.nodes.load(Ordering::Relaxed);
        // Without a Redis nothing was lost, and there is no reason to be stricter.
        let halved = limited.is_guarded() && self.shared.is_some();
        Gcra::new(per_minute, if halved { nodes * 2 } else { nodes })
    }

    fn judge(self: &Arc<Self>, key: &(Limited, Caller), per_minute: u32) -> Judged {
        let now = self.now();
        let together = self.is_together(now);
        let gcra = if together { Gcra::new(per_minute, 1) } else { self.part(key.0, per_minute) };
        let nodes = self.nodes.load(Ordering::Relaxed).max(NODES_MIN);
        let batch = if key.0.is_strict() { 0 } else { per_minute / (UNTOLD_PART * nodes) };
        self.tally.with(key, now, |entry| {
            if let Err(wait) = gcra.admits(entry.whole_at, now) {
                return Judged::Done(Err(too_many(key.0, per_minute, wait, entry.whole_at, now)));
            }
            if together && (batch == 0 || (entry.telling && entry.untold >= batch)) {
                return Judged::Ask;
            }
            gcra.charge(&mut entry.whole_at, now, 1);
            entry.untold = entry.untold.saturating_add(1);
            let standing = standing(key.0, per_minute, gcra, entry.whole_at, now);
            if together && !entry.telling && entry.untold >= batch {
                return Judged::Tell(standing, entry.take_untold(gcra, now));
            }
            Judged::Done(Ok(standing))
        })
    }

    async fn ask(&self, key: &(Limited, Caller), per_minute: u32) -> Result<Standing, TooMany> {
        let (gcra, now) = (Gcra::new(per_minute, 1), self.now());
        let told = self.tally.with(key, now, |entry| (!entry.telling).then(|| entry.take_untold(gcra, now)));
        let reply = match &self.shared {
            Some(shared) => shared.count(key, gcra, told.unwrap_or(0), true, now).await,
            None => None,
        };
        let whole_at = self.learn(key, gcra, told, reply);
        let now = self.now();
        match reply {
            Some(Reply { may: true, .. }) => Ok(standing(key.0, per_minute, gcra, whole_at, now)),
            Some(_) => {
                let wait = gcra.admits(whole_at, now).err().unwrap_or_default();
                Err(too_many(key.0, per_minute, wait, whole_at, now))
            }
            None => {
                self.shared.iter().for_each(Shared::fall_back);
                let part = self.part(key.0, per_minute);
                self.tally.with(key, now, |entry| {
                    let taken = part.take(&mut entry.whole_at, now);
                    entry.untold = entry.untold.saturating_add(u32::from(taken.is_ok()));
                    taken.map_err(|wait| too_many(key.0, per_minute, wait, entry.whole_at, now))?;
                    Ok(standing(key.0, per_minute, part, entry.whole_at, now))
                })
            }
        }
    }

    /// Take note of what Redis says, after it was told of `told` calls, or of none by this one.
    fn learn(&self, key: &(Limited, Caller), gcra: Gcra, told: Option<u32>, reply: Option<Reply>) -> Nanos {
        let now = self.now();
        self.tally.with(key, now, |entry| {
            if let Some(told) = told {
                entry.telling = false;
                entry.untold = entry.untold.saturating_add(if reply.is_some() { 0 } else { told });
            }
            if let Some(reply) = reply {
                let known = now + reply.ahead + gcra.interval() * u64::from(entry.untold);
                // Never less than was known: a Redis that was emptied has forgotten, this node has not.
                entry.whole_at = entry.whole_at.max(known);
            }
            entry.whole_at
        })
    }
}

impl Entry {
    /// The calls that Redis is to be told of; of those from long ago none is left to tell.
    fn take_untold(&mut self, gcra: Gcra, now: Nanos) -> u32 {
        let recent = self.whole_at.saturating_sub(now).div_ceil(gcra.interval().max(1));
        self.telling = true;
        std::mem::take(&mut self.untold).min(u32::try_from(recent).unwrap_or(u32::MAX))
    }
}

fn standing(limited: Limited, limit: u32, gcra: Gcra, whole_at: Nanos, now: Nanos) -> Standing {
    let reset = Duration::from_nanos(whole_at.saturating_sub(now));
    Standing { limited, limit, remaining: gcra.remaining(whole_at, now).min(limit), reset }
}

fn too_many(limited: Limited, limit: u32, wait: Duration, whole_at: Nanos, now: Nanos) -> TooMany {
    let reset = Duration::from_nanos(whole_at.saturating_sub(now));
    TooMany { wait, standing: Standing { limited, limit, remaining: 0, reset } }
}
