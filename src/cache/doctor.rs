//! How a Redis is, asked on a connection of its own.

use crate::config::Secret;
use redis::{Client, RedisResult, aio::MultiplexedConnection, cmd};
use std::time::Duration;

/// How long it may take to connect and to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a Redis says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vitals {
    /// `7.2.4`.
    pub version: String,
    /// What it does when its memory is full: `allkeys-lru`.
    pub maxmemory_policy: String,
    /// The most memory it takes, in bytes; 0: without bound.
    pub maxmemory_bytes: u64,
    /// Whether it writes to disk, which copies do not need.
    pub persists: bool,
    /// Whether it tells a client of changed keys (RESP3 `CLIENT TRACKING`).
    pub tracks: bool,
}

/// Ask the Redis at this address. The error says why not, without the address, which may hold a password.
pub async fn examine(url: &Secret) -> Result<Vitals, String> {
    let asked = async {
        let mut wire = connect(url).await?;
        let info: String = cmd("INFO").query_async(&mut wire).await?;
        let field = |name: &str| {
            let mut lines = info.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(known, _)| *known == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let tracked: RedisResult<String> =
            cmd("CLIENT").arg(&["TRACKING", "ON", "BCAST", "PREFIX", "weizhan:"]).query_async(&mut wire).await;
        let save: RedisResult<Vec<String>> = cmd("CONFIG").arg(&["GET", "save"]).query_async(&mut wire).await;
        let saves = save.is_ok_and(|pair| pair.get(1).is_some_and(|rule| !rule.is_empty()));
        Ok::<_, redis::RedisError>(Vitals {
            version: field("redis_version"),
            maxmemory_policy: field("maxmemory_policy"),
            maxmemory_bytes: field("maxmemory").parse().unwrap_or(0),
            persists: saves || field("aof_enabled") == "1",
            tracks: tracked.is_ok(),
        })
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(vitals)) => Ok(vitals),
        // Its kind, and what the server said: neither holds the address.
        Ok(Err(error)) => Err(format!("{:?} {}", error.kind(), error.detail().unwrap_or_default()).trim().to_owned()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn connect(url: &Secret) -> RedisResult<MultiplexedConnection> {
    let url = url.expose();
    let joint = if url.contains('?') { '&' } else { '?' };
    Client::open(format!("{url}{joint}protocol=resp3"))?.get_multiplexed_async_connection().await
}
