//! The second level: Redis, shared by all nodes.
//!
//! A fill is guarded: the read that finds nothing takes a ticket, and a fill is only accepted while the ticket is
//! still the present one. Tickets are random, not counted: a counter that FLUSHALL resets would accept an old one.
//! For a key `k` of a namespace `n` there are
//!
//! | key | holds | lives |
//! | --- | --- | --- |
//! | `weizhan:entry:{n}:k` | the epoch it was filled in, then the JSON text; no text is a value known not to exist | the rest of its budget |
//! | `weizhan:guard:{n}:k` | the nonce of the key, changed by each invalidation | a minute |
//! | `weizhan:epoch:{n}` | the nonce of the namespace; entries of another epoch do not count | for ever |
//!
//! Deadlines are reckoned by the clock of Redis inside the scripts: nodes need not agree on the time, and a fill that
//! was held up on its way does not live longer for it.

use super::{Error, breaker::Breaker, memory::Slot, namespace::Namespace};
use crate::config;
use bytes::Bytes;
use redis::{
    Client, RedisResult, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Longer than any load takes: a fill whose guard is gone is refused.
const GUARD_MS: u64 = 60_000;
/// A connection that is not made, or a reply that has not come, by then never will be.
const CONNECTION_TIMEOUT: Duration = Duration::from_millis(200);
/// Between two attempts to connect.
const CONNECT_DELAY: Duration = Duration::from_millis(20);

/// The entry, or a ticket to fill it: KEYS entry, guard, epoch; ARGV a fresh nonce, life of a guard.
/// Replies {1, text, milliseconds left, ''} or {0, epoch, present moment, guard}.
const LOOK_UP: &str = "
local epoch = redis.call('GET', KEYS[3])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[3], epoch)
end
local stored = redis.call('GET', KEYS[1])
if stored and string.sub(stored, 1, #epoch) == epoch then
  return {1, string.sub(stored, #epoch + 1), redis.call('PTTL', KEYS[1]), ''}
end
local guard = redis.call('GET', KEYS[2])
if not guard then
  guard = ARGV[1]
  redis.call('SET', KEYS[2], guard, 'PX', ARGV[2])
end
local time = redis.call('TIME')
return {0, epoch, time[1] * 1000 + math.floor(time[2] / 1000), guard}";

/// Fill an entry if nothing was forgotten meanwhile: KEYS as above; ARGV epoch, guard, deadline, text.
const FILL: &str = "
if redis.call('GET', KEYS[3]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
local left = ARGV[3] - (time[1] * 1000 + math.floor(time[2] / 1000))
if left < 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[4], 'PX', string.format('%d', left))
return 1";

/// Drop an entry and refuse the fills under way: KEYS entry, guard; ARGV a fresh nonce, life of a guard.
const FORGET: &str = "
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[1])
return 1";

/// What Redis knows about a key.
pub(super) enum LookUp {
    /// It is there for so long; no text is a value known not to exist.
    Hit(Option<Bytes>, Duration),
    /// It is not, and may be filled.
    Miss(Ticket),
    /// Redis could not be asked; do not fill.
    Failed,
}

/// The right to fill one entry, good until the key or its namespace is forgotten.
pub(super) struct Ticket {
    epoch: String,
    guard: String,
    /// When it was given, in milliseconds of the clock of Redis.
    given_ms: i64,
}

/// The level in Redis.
pub(super) struct Redis {
    client: Client,
    manager: Mutex<ConnectionManager>,
    breaker: Breaker,
    timeout: Duration,
    look_up: Script,
    fill: Script,
    forget: Script,
}

impl Redis {
    /// Prepare to talk to the Redis of `settings.redis_url`. Connects when first used.
    pub(super) fn new(settings: &config::Cache) -> Result<Self, Error> {
        let client = Client::open(settings.redis_url.expose()).map_err(Error::Address)?;
        Ok(Self {
            manager: Mutex::new(connect(&client).map_err(Error::Address)?),
            client,
            breaker: Breaker::default(),
            timeout: Duration::from_millis(settings.timeout_ms),
            look_up: Script::new(LOOK_UP),
            fill: Script::new(FILL),
            forget: Script::new(FORGET),
        })
    }
    /// Say hello, so that the log tells at once when Redis is away. That is no error: every read is then a miss.
    pub(super) async fn greet(&self) {
        let mut manager = self.manager();
        let hello: Option<()> = self.call("greet", redis::cmd("PING").exec_async(&mut manager)).await;
        tracing::info!(reachable = hello.is_some(), "cache in memory and Redis");
    }

    pub(super) async fn look_up(&self, slot: &Slot) -> LookUp {
        if !self.settle(&slot.namespace).await {
            return LookUp::Failed;
        }
        let mut call = self.look_up.key(entry(slot));
        call.key(guard(slot)).key(epoch(&slot.namespace)).arg(nonce()).arg(GUARD_MS);
        let mut manager = self.manager();
        let reply = self.call("look_up", call.invoke_async::<(i64, Vec<u8>, i64, String)>(&mut manager)).await;
        match reply {
            Some((1, text, left_ms, _)) => {
                let text = (!text.is_empty()).then(|| Bytes::from(text));
                LookUp::Hit(text, Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)))
            }
            Some((_, epoch, given_ms, guard)) => {
                LookUp::Miss(Ticket { epoch: String::from_utf8_lossy(&epoch).into_owned(), guard, given_ms })
            }
            None => {
                slot.namespace.count_error();
                LookUp::Failed
            }
        }
    }
    /// Fill an entry. It dies `life` after the **ticket** was given, which was before its value was read.
    pub(super) async fn fill(&self, slot: &Slot, ticket: &Ticket, text: Option<&Bytes>, life: Duration) {
        let deadline_ms = ticket.given_ms.saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
        let mut call = self.fill.key(entry(slot));
        call.key(guard(slot)).key(epoch(&slot.namespace));
        call.arg(&ticket.epoch).arg(&ticket.guard).arg(deadline_ms).arg(text.map_or(&[][..], |text| text));
        let mut manager = self.manager();
        if self.call("fill", call.invoke_async::<i64>(&mut manager)).await.is_none() {
            slot.namespace.count_error();
        }
    }
    /// Forget one key; `false` when Redis may not have heard.
    pub(super) async fn forget(&self, slot: &Slot) -> bool {
        let mut call = self.forget.key(entry(slot));
        call.key(guard(slot)).arg(nonce()).arg(GUARD_MS);
        let mut manager = self.manager();
        let heard = self.call("forget", call.invoke_async::<i64>(&mut manager)).await.is_some();
        if !heard {
            slot.namespace.count_error();
            slot.namespace.miss_invalidation();
        }
        heard
    }
    /// Forget all keys of a namespace; `false` when Redis may not have heard.
    pub(super) async fn forget_all(&self, namespace: &Namespace) -> bool {
        let heard = self.change_epoch(namespace).await;
        if !heard {
            namespace.miss_invalidation();
        }
        heard
    }
    /// Make good what was missed while Redis was away: which keys is not remembered, so the namespace goes.
    async fn settle(&self, namespace: &Namespace) -> bool {
        let Some(mark) = namespace.unsettled() else { return true };
        let settled = self.change_epoch(namespace).await;
        if settled {
            namespace.settle(mark);
        }
        settled
    }
    async fn change_epoch(&self, namespace: &Namespace) -> bool {
        let mut call = redis::cmd("SET");
        call.arg(epoch(namespace)).arg(nonce());
        let mut manager = self.manager();
        let changed = self.call("forget_all", call.exec_async(&mut manager)).await.is_some();
        if !changed {
            namespace.count_error();
        }
        changed
    }

    fn manager(&self) -> ConnectionManager {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Run one call within its time; `None` for any failure, which is logged here.
    async fn call<T>(&self, act: &'static str, reply: impl Future<Output = RedisResult<T>>) -> Option<T> {
        if !self.breaker.allows() {
            return None;
        }
        let error = match tokio::time::timeout(self.timeout, reply).await {
            Ok(Ok(answer)) => {
                self.breaker.succeed();
                return Some(answer);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no reply in time".to_owned(),
        };
        tracing::warn!(act, error, "Redis failed; the cache does without");
        // A link that was cut silently gives no error to reconnect on, so the next attempt starts afresh.
        if self.breaker.fail()
            && let Ok(fresh) = connect(&self.client)
        {
            *self.manager.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        None
    }
}

fn connect(client: &Client) -> RedisResult<ConnectionManager> {
    // The defaults would retry for seconds while Redis is away.
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_min_delay(CONNECT_DELAY)
        .set_max_delay(CONNECT_DELAY * 5)
        .set_connection_timeout(Some(CONNECTION_TIMEOUT))
        .set_response_timeout(Some(CONNECTION_TIMEOUT));
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

// The braces keep a namespace in one slot of a Redis cluster.
fn entry(slot: &Slot) -> String {
    format!("weizhan:entry:{{{}}}:{}", slot.namespace.name, slot.name)
}
fn guard(slot: &Slot) -> String {
    format!("weizhan:guard:{{{}}}:{}", slot.namespace.name, slot.name)
}
fn epoch(namespace: &Namespace) -> String {
    format!("weizhan:epoch:{{{}}}", namespace.name)
}

fn nonce() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system always has random bytes");
    hex::encode(bytes)
}
