//! This process among the nodes: its number, its signs of life, and the time that all of them share.
//!
//! **Which time.** What nodes compare with each other, such as the end of a lease, is the database's time: one node whose
//! clock is wrong must not lead too long or be taken for dead. A clock that a test holds in its hand is asked instead,
//! since the database's time would not move with it; such a process has no row either, because nobody beats its heart.

use super::{App, random_bytes};
use crate::{
    data::{self, Session},
    model::{
        node::{self, Node, NodeState},
        time::{Clock, Timestamp},
    },
};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// The longest time between two signs of life.
const BEAT_MAX: Duration = Duration::from_secs(2);
/// A node that missed so many is not counted any more.
const BEATS_MISSED: u32 = 3;
/// How often a number is looked for while all are taken.
const LOOK: Duration = Duration::from_millis(200);

/// What a process is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// It serves, at this address.
    Server(String),
    /// A command that does its work and ends.
    Tool,
}

/// Why a process has no number.
#[derive(Debug, thiserror::Error)]
pub enum NoNumber {
    /// The number of the settings is a living process's.
    #[error(
        "node.id {number} belongs to the living process {holder} at {address}; leave node.id at \"auto\", or stop that one first"
    )]
    Taken {
        /// The number.
        number: i64,
        /// Whose it is.
        holder: String,
        /// Where that one listens.
        address: String,
    },
    /// Every number is a living process's.
    #[error("all 32 node numbers belong to living processes; see `weizhan nodes`")]
    Exhausted,
    /// The rows could not be asked.
    #[error(transparent)]
    Data(#[from] data::Error),
}

/// This process among the nodes.
#[derive(Debug)]
pub struct Nodes {
    holder: String,
    /// Its row; none for a process whose clock is held.
    own: Mutex<Option<Node>>,
    alive: AtomicU32,
    skew_ms: AtomicI64,
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            holder: hex::encode(random_bytes::<12>()),
            own: Mutex::default(),
            alive: AtomicU32::new(1),
            skew_ms: AtomicI64::new(0),
        }
    }
}

impl Nodes {
    /// Names this process: random, so that a restart is another.
    pub fn holder(&self) -> &str {
        &self.holder
    }
    /// How many nodes serve at present, this one with them; at least 1.
    pub fn alive(&self) -> u32 {
        self.alive.load(Ordering::Relaxed)
    }
    /// How far the clock of this machine is ahead of the database's, in milliseconds; negative when it is behind.
    pub fn skew_ms(&self) -> i64 {
        self.skew_ms.load(Ordering::Relaxed)
    }
    /// Whether this clock may be trusted with periods and leases.
    pub fn is_clock_sure(&self) -> bool {
        node::is_clock_sure(self.skew_ms())
    }
    /// The number of this process, if it has one.
    pub fn number(&self) -> Option<i64> {
        self.lock().as_ref().map(|own| own.number)
    }
    fn lock(&self) -> MutexGuard<'_, Option<Node>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time that nodes share, and how far `clock` is ahead of it in milliseconds.
async fn compare(session: &mut Session, clock: &dyn Clock) -> Result<(Timestamp, i64), data::Error> {
    if !clock.ticks() {
        return Ok((clock.now(), 0));
    }
    let before = clock.now();
    let shared = data::clock::now(session).await?;
    // It was asked somewhere between the two readings.
    Ok((shared, i64::midpoint(before.0, clock.now().0) - shared.0))
}

/// The time that nodes share.
pub(super) async fn shared_now(session: &mut Session, clock: &dyn Clock) -> Result<Timestamp, data::Error> {
    compare(session, clock).await.map(|(shared, _)| shared)
}

impl App {
    /// The time that nodes share: the database's.
    pub async fn shared_now(&self, session: &mut Session) -> Result<Timestamp, data::Error> {
        shared_now(session, &*self.clock).await
    }

    /// How long a number and a lease last.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.config.node.lease_ms)
    }

    /// How often a sign of life is given.
    pub fn beat_every(&self) -> Duration {
        (self.lease() / 5).min(BEAT_MAX)
    }

    /// Since when a node must have been heard of to count.
    pub fn heard_since(&self, now: Timestamp) -> Timestamp {
        now.minus(self.beat_every() * BEATS_MISSED + Duration::from_secs(1))
    }

    /// Take a node number, and make ids with it from now on.
    ///
    /// A number whose holder has died is free after its lease, and that is waited for, unless the holder shows that it
    /// lives.
    pub(super) async fn join(&self, role: &Role) -> Result<(), NoNumber> {
        let (state, address) = match role {
            Role::Server(address) => (NodeState::Serving, address.as_str()),
            Role::Tool => (NodeState::Tool, ""),
        };
        let numbers = node::candidates(self.config.node.id, state);
        let (began, mut first) = (Instant::now(), None);
        loop {
            let held = match self.try_join(&numbers, state, address).await {
                Ok(None) => return Ok(()),
                Ok(Some(held)) => held,
                Err(data::Error::Conflict { .. } | data::Error::Contended { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let [only] = held.as_slice() else {
                if began.elapsed() > self.lease() * 2 {
                    return Err(NoNumber::Exhausted);
                }
                tokio::time::sleep(LOOK).await;
                continue;
            };
            // Dead or alive? It lives if it gives a sign, or if it outlasts its time.
            let seen: &(String, Timestamp) = first.get_or_insert_with(|| (only.holder.clone(), only.heartbeat_ms));
            if *seen != (only.holder.clone(), only.heartbeat_ms) || began.elapsed() > self.lease() * 2 {
                let Node { number, holder, address, .. } = only.clone();
                return Err(NoNumber::Taken { number, holder, address });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Try these numbers once; `None` when one was taken, else who has them.
    async fn try_join(
        &self,
        numbers: &[i64],
        state: NodeState,
        address: &str,
    ) -> Result<Option<Vec<Node>>, data::Error> {
        let mut session = self.database.write().await?;
        let (now, skew_ms) = compare(&mut session, &*self.clock).await?;
        let known = data::node::list(&mut session).await?;
        let (mut held, until) = (Vec::new(), now.plus(self.lease()));
        for number in numbers {
            let own = Node {
                number: *number,
                holder: self.nodes.holder.clone(),
                address: address.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                state,
                started_ms: now,
                heartbeat_ms: now,
                expires_ms: until,
                skew_ms,
                settings_version: self.settings.now().version,
            };
            let taken = match known.iter().find(|node| node.number == *number) {
                None => data::node::insert(&mut session, &own).await?,
                Some(last) if last.is_free(now) => data::node::take(&mut session, &own, &last.holder, now).await?,
                Some(last) => {
                    held.push(last.clone());
                    false
                }
            };
            if taken {
                session.commit().await?;
                let after = known.iter().find(|node| node.number == *number).map_or(now, |last| last.expires_ms);
                self.ids.change(u8::try_from(*number).unwrap_or_default(), after, until);
                self.nodes.skew_ms.store(skew_ms, Ordering::Relaxed);
                *self.nodes.lock() = Some(own);
                return Ok(None);
            }
        }
        Ok(Some(held))
    }

    /// Give a sign of life, and count who else lives. A process whose number was taken meanwhile, since it slept too long,
    /// takes another.
    pub async fn beat(&self) -> Result<(), NoNumber> {
        let Some(mut own) = self.nodes.lock().clone() else { return Ok(()) };
        let mut session = self.database.write().await?;
        let (now, skew_ms) = compare(&mut session, &*self.clock).await?;
        if own.state == NodeState::Serving && self.stopping().is_cancelled() {
            own.state = NodeState::Draining;
        }
        own.heartbeat_ms = now;
        // What was said already stays covered, should this clock be ahead.
        own.expires_ms = now.plus(self.lease()).max(self.ids.used());
        (own.skew_ms, own.settings_version) = (skew_ms, self.settings.now().version);
        let kept = data::node::beat(&mut session, &own).await?;
        let alive = data::node::count(&mut session, self.heard_since(now)).await?;
        session.commit().await?;
        self.nodes.skew_ms.store(skew_ms, Ordering::Relaxed);
        let alive = u32::try_from(alive).unwrap_or(u32::MAX).max(1);
        self.nodes.alive.store(alive, Ordering::Relaxed);
        self.limits.set_nodes_alive(alive);
        if kept {
            self.ids.hold_until(own.expires_ms);
            *self.nodes.lock() = Some(own);
            return Ok(());
        }
        tracing::warn!(node = own.number, "the node number was taken while this process slept; it takes another");
        let numbers = node::candidates(None, own.state);
        match self.try_join(&numbers, own.state, &own.address).await? {
            None => Ok(()),
            Some(_) => Err(NoNumber::Exhausted),
        }
    }

    /// Give the number back, for a stop in order.
    pub(super) async fn leave(&self) -> Result<(), data::Error> {
        let Some(own) = self.nodes.lock().take() else { return Ok(()) };
        let mut session = self.database.write().await?;
        let now = self.shared_now(&mut session).await?;
        data::node::leave(&mut session, own.number, &own.holder, self.ids.used(), now).await?;
        session.commit().await
    }
}
