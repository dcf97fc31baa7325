//! The second level: Redis, shared by all nodes. What it holds is said in `script`.

use super::{Error, breaker::Breaker, script::Scripts, told::Told, told::nonce};
use crate::{config, model::time::Timestamp};
use bytes::Bytes;
use redis::{
    Client, RedisError, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Longer than any load takes: a fill whose guard is gone is refused.
const GUARD_MS: u64 = 60_000;
/// How long one node's load keeps the others from loading the same.
pub(super) const LOAD_MS: u64 = 50;
/// A connection that is not made, or a reply that has not come, by then never will be.
const CONNECTION_TIMEOUT: Duration = Duration::from_millis(200);
/// Hexadecimal digits of the moment of reading, and of the deadline.
const DIGITS: usize = 16;
/// What an entry names its writer by. An entry of the same version needs no proof that it can be read.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Between two attempts to connect.
const CONNECT_DELAY: Duration = Duration::from_millis(20);

/// Which entry is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address<'a> {
    pub(super) namespace: &'static str,
    pub(super) name: &'a str,
}

/// What Redis knows about a key.
pub(super) enum LookUp<F = Bytes> {
    /// It is there.
    Hit(Found<F>),
    /// It is not, and may be filled.
    Miss(Ticket),
    /// Redis could not be asked; do not fill.
    Failed,
}

/// An entry of Redis.
#[derive(Clone)]
pub(super) struct Found<F> {
    /// Without one it is a value known not to exist.
    pub(super) form: Option<F>,
    /// What its text takes.
    pub(super) bytes: usize,
    /// It was written by this version of the program.
    pub(super) same_version: bool,
    /// When it was read from the database, by the clock of the node that did.
    pub(super) read: Timestamp,
    /// How long it lives, by the clock of Redis.
    pub(super) left: Duration,
}

/// The right to fill one entry, good until the key or its namespace is forgotten.
pub(super) struct Ticket {
    epoch: String,
    guard: String,
    /// When it was given, in milliseconds of the clock of Redis.
    given_ms: i64,
    /// Nobody else loads it.
    pub(super) first: bool,
}

/// The level in Redis.
pub(super) struct Redis {
    client: Client,
    manager: Mutex<ConnectionManager>,
    pub(super) breaker: Breaker,
    told: Arc<Told>,
    timeout: Duration,
    scripts: Scripts,
    failures: AtomicU64,
    late: AtomicU64,
}

impl Redis {
    /// Prepare to talk to this Redis. Connects when first used.
    pub(super) fn new(client: Client, settings: &config::Cache, told: Arc<Told>) -> Result<Self, Error> {
        let timeout = Duration::from_millis(settings.timeout_ms);
        Ok(Self {
            manager: Mutex::new(connect(&client).map_err(Error::Address)?),
            client,
            breaker: Breaker::new(),
            told,
            timeout,
            scripts: Scripts::new(),
            failures: AtomicU64::new(0),
            late: AtomicU64::new(0),
        })
    }
    /// Calls that failed, and how many of them for want of an answer in time.
    pub(super) fn failed(&self) -> (u64, u64) {
        (self.failures.load(Relaxed), self.late.load(Relaxed))
    }
    /// Whether Redis answers, asked as every other call.
    pub(super) async fn hello(&self) -> bool {
        let mut manager = self.manager();
        self.call("ping", redis::cmd("PING").exec_async(&mut manager)).await.is_some()
    }
    /// The same, asked also when nobody else asks any more.
    pub(super) async fn answers(&self) -> bool {
        let mut manager = self.manager();
        let answered = self.in_time(redis::cmd("PING").exec_async(&mut manager)).await.is_ok();
        if !answered && let Ok(fresh) = connect(&self.client) {
            // A link that was cut silently gives no error to reconnect on, so the next attempt starts afresh.
            *self.manager.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        answered
    }

    /// What Redis knows, with a ticket to fill in what it does not.
    pub(super) async fn look_up(&self, at: Address<'_>) -> LookUp {
        let mut call = self.scripts.look_up.key(entry(at));
        call.key(guard(at)).key(epoch(at.namespace)).key(load(at)).arg(nonce()).arg(GUARD_MS).arg(LOAD_MS);
        let mut manager = self.manager();
        let reply = self.call("look_up", call.invoke_async::<(i64, Vec<u8>, i64, String)>(&mut manager)).await;
        match reply {
            Some((1, stored, now_ms, _)) => found(&Bytes::from(stored), now_ms).map_or(LookUp::Failed, LookUp::Hit),
            Some((turn, epoch, given_ms, guard)) => {
                let epoch = String::from_utf8_lossy(&epoch).into_owned();
                LookUp::Miss(Ticket { epoch, guard, given_ms, first: turn == 0 })
            }
            None => LookUp::Failed,
        }
    }
    /// The good ones of these entries, in this order, by plain commands; `None` without a reply. Those of a namespace
    /// stand together.
    pub(super) async fn peek(&self, entries: &[Address<'_>]) -> Option<Vec<Option<Found<Bytes>>>> {
        let (mut calls, mut manager) = (redis::pipe(), self.manager());
        calls.cmd("TIME");
        for entries in entries.chunk_by(|one, other| one.namespace == other.namespace) {
            calls.cmd("MGET").arg(epoch(entries.first()?.namespace));
            for at in entries {
                calls.arg(entry(*at));
            }
        }
        let reply = self.call("peek", calls.query_async::<Vec<redis::Value>>(&mut manager)).await?;
        let mut replies = reply.into_iter();
        let (seconds, micros): (i64, i64) = redis::from_redis_value(replies.next()?).ok()?;
        let now_ms = seconds * 1_000 + micros / 1_000;
        let mut all = Vec::with_capacity(entries.len());
        for reply in replies {
            let stored: Vec<Option<Bytes>> = redis::from_redis_value(reply).ok()?;
            let (epoch, stored) = stored.split_first()?;
            all.extend(stored.iter().map(|stored| {
                let (stored, epoch) = (stored.as_ref()?, epoch.as_ref()?);
                found(&stored.slice(stored.strip_prefix(&**epoch).map(|_| epoch.len())?..), now_ms)
            }));
        }
        (all.len() == entries.len()).then_some(all)
    }
    /// Fill an entry; `false` when Redis may not have heard. It dies `life` after the **ticket** was given, which was
    /// before its value was read.
    pub(super) async fn fill(
        &self,
        at: Address<'_>,
        ticket: &Ticket,
        (read, text): (Timestamp, Option<&Bytes>),
        life: Duration,
        guarded: bool,
    ) -> bool {
        let deadline_ms = ticket.given_ms.saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
        let mut call = self.scripts.fill.key(entry(at));
        call.key(guard(at)).key(epoch(at.namespace)).key(load(at));
        let mut stored = format!("{:0DIGITS$x}{deadline_ms:0DIGITS$x}{VERSION}\n", read.0).into_bytes();
        stored.extend_from_slice(text.map_or(&[], |text| text));
        call.arg(&ticket.epoch).arg(&ticket.guard).arg(deadline_ms).arg(stored).arg(u8::from(guarded));
        let mut manager = self.manager();
        self.call("fill", call.invoke_async::<i64>(&mut manager)).await.is_some()
    }
    /// Forget one key and tell the other nodes; `false` when Redis may not have heard.
    pub(super) async fn forget(&self, namespace: &str, name: &str) -> bool {
        let fresh = nonce();
        let of = |kind: &str| format!("weizhan:{kind}:{{{namespace}}}:{name}");
        let mut call = self.scripts.forget.key(of("entry"));
        call.key(of("guard")).key(of("load")).key(self.told.text(namespace, Some(name), &fresh));
        call.arg(fresh).arg(GUARD_MS).arg(self.told.channel());
        let mut manager = self.manager();
        self.call("forget", call.invoke_async::<i64>(&mut manager)).await.is_some()
    }
    /// Forget all keys of a namespace and tell the other nodes; `false` when Redis may not have heard.
    pub(super) async fn forget_all(&self, namespace: &str) -> bool {
        let (fresh, mut manager) = (nonce(), self.manager());
        let mut call = self.scripts.forget_all.key(epoch(namespace));
        call.key(self.told.text(namespace, None, &fresh)).arg(fresh).arg(self.told.channel());
        self.call("forget_all", call.invoke_async::<i64>(&mut manager)).await.is_some()
    }
    /// The same, also when nobody else calls any more.
    pub(super) async fn forget_all_first(&self, namespace: &str) -> bool {
        let (fresh, mut manager) = (nonce(), self.manager());
        let mut call = self.scripts.forget_all.key(epoch(namespace));
        call.key(self.told.text(namespace, None, &fresh)).arg(fresh).arg(self.told.channel());
        self.in_time(call.invoke_async::<i64>(&mut manager)).await.is_ok()
    }
    /// Tell the other nodes of a topic.
    pub(super) async fn tell(&self, topic: &str) {
        let mut call = redis::cmd("PUBLISH");
        call.arg(self.told.channel()).arg(self.told.hint(topic));
        let mut manager = self.manager();
        self.call("tell", call.exec_async(&mut manager)).await;
    }

    fn manager(&self) -> ConnectionManager {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Make one call unless Redis is failing; `None` for any failure.
    async fn call<T>(&self, act: &'static str, reply: impl Future<Output = RedisResult<T>>) -> Option<T> {
        if !self.breaker.allows() {
            return None;
        }
        let error = match self.in_time(reply).await {
            Ok(answer) => {
                self.breaker.succeed();
                return Some(answer);
            }
            Err(Some(error)) => error.to_string(),
            Err(None) => {
                self.late.fetch_add(1, Relaxed);
                "no reply in time".to_owned()
            }
        };
        self.failures.fetch_add(1, Relaxed);
        if self.breaker.fail() {
            tracing::warn!(act, error, "Redis failed; the cache does without until it answers");
        }
        None
    }
    /// Without an error: it came too late.
    async fn in_time<T>(&self, reply: impl Future<Output = RedisResult<T>>) -> Result<T, Option<RedisError>> {
        tokio::time::timeout(self.timeout, reply).await.map_err(|_| None)?.map_err(Some)
    }
}

/// Takes the moment of reading, the deadline and the writer's version off what is stored.
fn found(stored: &Bytes, now_ms: i64) -> Option<Found<Bytes>> {
    let number = |at: usize| {
        let digits = std::str::from_utf8(stored.get(at..at + DIGITS)?).ok()?;
        i64::from_str_radix(digits, 16).ok()
    };
    let (read, deadline_ms) = (Timestamp(number(0)?), number(DIGITS)?);
    let (begin, end) = (2 * DIGITS, stored.iter().position(|byte| *byte == b'\n')?);
    let (same_version, text) = (stored.get(begin..end)? == VERSION.as_bytes(), stored.slice(end + 1..));
    let left = Duration::from_millis(u64::try_from(deadline_ms - now_ms).unwrap_or(0));
    let bytes = text.len();
    Some(Found { form: (!text.is_empty()).then_some(text), bytes, same_version, read, left })
}

fn connect(client: &Client) -> RedisResult<ConnectionManager> {
    // The defaults would retry for seconds while Redis is away.
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_min_delay(CONNECT_DELAY)
        .set_max_delay(CONNECT_DELAY * 5)
        .set_connection_timeout(Some(CONNECTION_TIMEOUT))
        // Each call has its own.
        .set_response_timeout(None);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

// The braces keep a namespace in one slot of a Redis cluster.
fn entry(at: Address<'_>) -> String {
    format!("weizhan:entry:{{{}}}:{}", at.namespace, at.name)
}
fn guard(at: Address<'_>) -> String {
    format!("weizhan:guard:{{{}}}:{}", at.namespace, at.name)
}
fn load(at: Address<'_>) -> String {
    format!("weizhan:load:{{{}}}:{}", at.namespace, at.name)
}
fn epoch(namespace: &str) -> String {
    format!("weizhan:epoch:{{{namespace}}}")
}
