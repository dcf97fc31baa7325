//! The limits in Redis: one number a caller, one script, and the clock of Redis, so that those of the nodes do not matter.
//!
//! A connection of its own: a page of products on its way must not hold up a number.

use super::{
    Caller, Limited,
    gcra::{Gcra, Nanos},
};
use crate::{cache::Error, config};
use redis::{
    Client, RedisResult, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

/// KEYS the caller; ARGV what one call costs and how far ahead a caller may be, in microseconds; calls that were let
/// through and are told; 1 to ask for one more. Replies whether that one may come, and how far ahead the caller is then.
///
/// What is told counts although it is too much: it has happened. But nobody is locked out for longer than two windows,
/// whatever a clock does that jumps.
const COUNT: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local whole = tonumber(redis.call('GET', KEYS[1]) or now)
if whole < now then whole = now end
whole = math.min(whole + interval * ARGV[3], now + 2 * tolerance)
local may = 0
if ARGV[4] == '1' and whole + interval - now <= tolerance + 1 then
  whole = whole + interval
  may = 1
end
local ahead = whole - now
if ahead >= 1 then
  redis.call('SET', KEYS[1], string.format('%.0f', whole), 'PX', math.ceil(ahead / 1000))
end
return {may, math.floor(ahead)}";

/// Failures in a row after which Redis is not asked for a while.
const FAILURES_MAX: u32 = 3;
/// How long; then it is tried by a call that nobody waits for.
const PAUSE: Nanos = 1_000_000_000;
const CONNECTION_TIMEOUT: Duration = Duration::from_millis(200);
const CONNECT_DELAY: Duration = Duration::from_millis(20);

/// How Redis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It answers in time.
    Up,
    /// It does not.
    Down,
    /// It does not, and it is time that somebody tries; the one who hears this does.
    Try,
}

/// What Redis says of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply {
    /// Whether the call that was asked for may come.
    pub(super) may: bool,
    /// How far ahead of the present the caller is, on all nodes together.
    pub(super) ahead: Nanos,
}

/// The limits in Redis.
pub(super) struct Shared {
    client: Client,
    manager: Mutex<ConnectionManager>,
    script: Script,
    patience: Duration,
    failures: AtomicU32,
    /// Zero while Redis answers.
    silent_until: AtomicU64,
    fallbacks: AtomicU64,
}

impl Shared {
    /// In the Redis of the cache, asked for at most so long. Connects when first used.
    pub(super) fn new(cache: &config::Cache, patience: Duration) -> Result<Self, Error> {
        let client = Client::open(cache.redis_url.expose()).map_err(Error::Address)?;
        Ok(Self {
            manager: Mutex::new(connect(&client).map_err(Error::Address)?),
            client,
            script: Script::new(COUNT),
            patience,
            failures: AtomicU32::new(0),
            silent_until: AtomicU64::new(0),
            fallbacks: AtomicU64::new(0),
        })
    }

    /// Whether to ask. After the pause one caller gets [`Reach::Try`].
    pub(super) fn reach(&self, now: Nanos) -> Reach {
        match self.silent_until.load(Ordering::Relaxed) {
            0 => Reach::Up,
            until if now < until => Reach::Down,
            until => {
                let next = now + PAUSE;
                let mine = self.silent_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed);
                if mine.is_ok() { Reach::Try } else { Reach::Down }
            }
        }
    }

    /// Tell of calls, and ask for one more if `ask`. `None` when there is no answer in time.
    pub(super) async fn count(
        &self,
        key: &(Limited, Caller),
        gcra: Gcra,
        told: u32,
        ask: bool,
        now: Nanos,
    ) -> Option<Reply> {
        let mut call = self.script.key(format!("weizhan:limit:{}:{}", key.0.as_str(), key.1));
        // Nanoseconds with a point: a generous limit costs less than a microsecond a call.
        let [interval, tolerance] = [gcra.interval(), gcra.tolerance()].map(micros);
        call.arg(interval).arg(tolerance).arg(told).arg(u8::from(ask));
        let mut manager = self.lock().clone();
        let reply = tokio::time::timeout(self.patience, call.invoke_async::<(u8, u64)>(&mut manager)).await;
        let error = match reply {
            Ok(Ok((may, ahead_us))) => {
                self.succeed();
                return Some(Reply { may: may == 1, ahead: ahead_us.saturating_mul(1_000) });
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no reply in time".to_owned(),
        };
        self.fail(&error, now);
        None
    }

    /// Try whether Redis is back.
    pub(super) async fn try_again(&self, now: Nanos) {
        let mut manager = self.lock().clone();
        let ping = redis::cmd("PING");
        match tokio::time::timeout(self.patience, ping.exec_async(&mut manager)).await {
            Ok(Ok(())) => self.succeed(),
            Ok(Err(error)) => self.fail(&error.to_string(), now),
            Err(_) => self.fail("no reply in time", now),
        }
    }

    /// Whether Redis answers, as far as is known.
    pub(super) fn is_up(&self) -> bool {
        self.silent_until.load(Ordering::Relaxed) == 0
    }

    /// How often a call was judged by this node alone because Redis did not answer.
    pub(super) fn fallbacks(&self) -> u64 {
        self.fallbacks.load(Ordering::Relaxed)
    }
    pub(super) fn fall_back(&self) {
        self.fallbacks.fetch_add(1, Ordering::Relaxed);
    }

    fn succeed(&self) {
        self.failures.store(0, Ordering::Relaxed);
        if self.silent_until.swap(0, Ordering::Relaxed) != 0 {
            tracing::info!("Redis answers again; limits hold over all nodes");
        }
    }

    fn fail(&self, error: &str, now: Nanos) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < FAILURES_MAX {
            return;
        }
        if self.silent_until.swap(now + PAUSE, Ordering::Relaxed) == 0 {
            tracing::warn!(error, "Redis failed; this node keeps its part of each limit by itself");
        }
        // A link that was cut silently gives no error to reconnect on.
        if let Ok(fresh) = connect(&self.client) {
            *self.lock() = fresh;
        }
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionManager> {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(nanos: Nanos) -> String {
    format!("{}.{:03}", nanos / 1_000, nanos % 1_000)
}

fn connect(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_min_delay(CONNECT_DELAY)
        .set_max_delay(CONNECT_DELAY * 5)
        .set_connection_timeout(Some(CONNECTION_TIMEOUT))
        .set_response_timeout(Some(CONNECTION_TIMEOUT));
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}
