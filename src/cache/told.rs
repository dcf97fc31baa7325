//! How one node tells the others what it forgot, and that something is new.
//!
//! An invalidation is a text, `weizhan:told:{namespace}:database:node:nonce:=name`, or `*` for `=name` when all of the
//! namespace is meant. It goes two ways. It is published; and it is the name of a key of Redis that is written and deleted
//! at once, of which `CLIENT TRACKING` tells: where one of the two is refused or breaks down, the other still works. The
//! nonce says that both are the same, and a node passes over its own. A hint is `weizhan:topic:node:topic`, and is only
//! published: whoever waits for one also looks by itself.

use super::{bells::Bells, memory::Memory};
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

/// What tracking listens to.
pub(super) const PREFIX: &str = "weizhan:told:";
const TOPIC: &str = "weizhan:topic:";
/// Invalidations whose second copy is known for one.
const SEEN_MAX: usize = 4096;

/// What a node hears and says.
pub(super) struct Told {
    memory: Arc<Memory>,
    pub(super) bells: Arc<Bells>,
    database: i64,
    /// Random, of this cache.
    node: String,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    nonces: HashSet<String>,
    order: VecDeque<String>,
}

impl Told {
    pub(super) fn new(memory: Arc<Memory>, bells: Arc<Bells>, database: i64) -> Self {
        Self { memory, bells, database, node: nonce(), seen: Mutex::default() }
    }
    /// Where everything is published. Channels are shared by all databases of a Redis.
    pub(super) fn channel(&self) -> String {
        format!("weizhan:told:{}", self.database)
    }
    /// The text of an invalidation. The braces keep a namespace in one slot of a Redis cluster.
    pub(super) fn text(&self, namespace: &str, name: Option<&str>, nonce: &str) -> String {
        let (database, node) = (self.database, &self.node);
        let (mark, name) = name.map_or(("*", ""), |name| ("=", name));
        format!("{PREFIX}{{{namespace}}}:{database}:{node}:{nonce}:{mark}{name}")
    }
    /// The text of a hint.
    pub(super) fn hint(&self, topic: &str) -> String {
        format!("{TOPIC}{}:{topic}", self.node)
    }
    /// Do what another node tells.
    pub(super) fn hear(&self, text: &str) {
        if let Some((node, topic)) = text.strip_prefix(TOPIC).and_then(|text| text.split_once(':')) {
            if node != self.node {
                self.bells.ring(topic);
            }
        } else if self.forget(text).is_none() {
            tracing::debug!(text, "heard what this version does not understand");
        }
    }
    fn forget(&self, text: &str) -> Option<()> {
        let (namespace, rest) = text.strip_prefix(PREFIX)?.strip_prefix('{')?.split_once("}:")?;
        let mut parts = rest.splitn(4, ':');
        let (database, node, nonce, what) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let name = if what == "*" { None } else { Some(what.strip_prefix('=')?) };
        if database.parse() == Ok(self.database) && node != self.node {
            // Held until it is done: the second copy must not pass before.
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.is_new(nonce) {
                self.memory.forget_named(namespace, name);
            }
        }
        Some(())
    }
}

impl Seen {
    fn is_new(&mut self, nonce: &str) -> bool {
        let new = self.nonces.insert(nonce.to_owned());
        if new {
            self.order.push_back(nonce.to_owned());
        }
        if self.order.len() > SEEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.nonces.remove(&oldest);
        }
        new
    }
}

/// A word that nobody else makes.
pub(super) fn nonce() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system always has random bytes");
    hex::encode(bytes)
}
