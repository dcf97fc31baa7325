//! The two connections on which a node hears of the others' changes.
//!
//! Each is asked for a sign of life twice a second. One that does not give it counts as down; while both are down, memory
//! keeps nothing for longer than [`DEAF_LIFE_MAX`], and whatever comes back begins with empty memory.

use super::{
    memory::Memory,
    told::{PREFIX, Told},
};
use futures_util::StreamExt;
use redis::{
    AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, PushKind, RedisError, RedisResult, Value,
    aio::{MultiplexedConnection, PubSubSink},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// Longest life of an entry in memory while nothing is heard from the other nodes.
pub(super) const DEAF_LIFE_MAX: Duration = Duration::from_millis(250);
/// Between two questions for a sign of life.
const BEAT: Duration = Duration::from_millis(500);
/// How long the sign may take.
const BEAT_MAX: Duration = Duration::from_secs(1);
/// Between two attempts to connect: at first, at most, and when Redis refuses what it was asked for.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
const PAUSE_REFUSED: Duration = Duration::from_secs(30);

/// A way to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `CLIENT TRACKING`, which a managed Redis may refuse.
    Tracking,
    /// A channel.
    Published,
}

/// Which ways work.
#[derive(Debug, Default)]
pub(super) struct Links {
    tracking: AtomicBool,
    published: AtomicBool,
    flushes: AtomicU64,
}

impl Links {
    pub(super) fn tracking(&self) -> bool {
        self.tracking.load(SeqCst)
    }
    pub(super) fn published(&self) -> bool {
        self.published.load(SeqCst)
    }
    pub(super) fn hears(&self) -> bool {
        self.tracking() || self.published()
    }
    /// How often memory was emptied because something may not have been heard.
    pub(super) fn flushes(&self) -> u64 {
        self.flushes.load(Relaxed)
    }
    fn of(&self, way: Way) -> &AtomicBool {
        match way {
            Way::Tracking => &self.tracking,
            Way::Published => &self.published,
        }
    }
}

/// One end of a way: what it needs to connect and what it does with what it hears.
#[derive(Clone)]
pub(super) struct Ear {
    pub(super) client: Client,
    pub(super) memory: Arc<Memory>,
    pub(super) told: Arc<Told>,
    pub(super) links: Arc<Links>,
}

impl Ear {
    /// Listen on one way for ever.
    pub(super) async fn listen(self, way: Way) {
        let mut pause = PAUSE_MIN;
        loop {
            let ended = match way {
                Way::Tracking => self.track().await,
                Way::Published => self.subscribe().await,
            };
            let was_up = self.links.of(way).swap(false, SeqCst);
            if !self.links.hears() {
                self.flush();
            }
            let error = ended.err().unwrap_or_else(|| gone("the connection ended"));
            // Told once: the breaker speaks of a Redis that is away.
            if was_up {
                tracing::info!(?way, %error, "changes of other nodes are not heard this way");
                pause = PAUSE_MIN;
            }
            let refused = error.code().is_some() && !error.is_io_error();
            tokio::time::sleep(if refused { PAUSE_REFUSED } else { pause }).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
    fn up(&self, way: Way) {
        // What was kept before this connection was there may have changed unheard.
        self.flush();
        self.links.of(way).store(true, SeqCst);
        tracing::debug!(?way, "changes of other nodes are heard");
    }
    fn flush(&self) {
        self.memory.flush();
        self.links.flushes.fetch_add(1, Relaxed);
    }

    async fn track(&self) -> RedisResult<()> {
        let (pushes, mut pushed) = mpsc::unbounded_channel();
        let config = AsyncConnectionConfig::new()
            .set_push_sender(pushes)
            .set_connection_timeout(Some(BEAT_MAX))
            .set_response_timeout(Some(BEAT_MAX));
        let info = self.client.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings))?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let track = ["TRACKING", "ON", "BCAST", "PREFIX", PREFIX];
        redis::cmd("CLIENT").arg(&track).exec_async(&mut connection).await?;
        self.up(Way::Tracking);
        let beats = beat_tracking(&mut connection);
        tokio::pin!(beats);
        loop {
            tokio::select! {
                ended = &mut beats => return ended,
                push = pushed.recv() => match push {
                    Some(push) => self.pushed(&push)?,
                    None => return Err(gone("the connection ended")),
                },
            }
        }
    }
    fn pushed(&self, push: &PushInfo) -> RedisResult<()> {
        match (&push.kind, push.data.first()) {
            (PushKind::Invalidate, Some(Value::Array(keys))) => {
                let texts = keys.iter().filter_map(|key| match key {
                    Value::BulkString(text) => std::str::from_utf8(text).ok(),
                    _ => None,
                });
                texts.for_each(|text| self.told.hear(text));
                Ok(())
            }
            // No keys: all of them went.
            (PushKind::Invalidate, _) => {
                self.flush();
                Ok(())
            }
            (PushKind::Disconnection, _) => Err(gone("Redis hung up")),
            _ => Ok(()),
        }
    }

    async fn subscribe(&self) -> RedisResult<()> {
        let connecting = async {
            let (mut sink, stream) = self.client.get_async_pubsub().await?.split();
            sink.subscribe(self.told.channel()).await?;
            RedisResult::Ok((sink, stream))
        };
        let (mut sink, mut stream) = in_time(connecting).await?;
        self.up(Way::Published);
        // Hints may have gone by.
        self.told.bells.ring_all();
        let beats = beat_channel(&mut sink);
        tokio::pin!(beats);
        loop {
            tokio::select! {
                ended = &mut beats => return ended,
                message = stream.next() => match message {
                    Some(message) => self.told.hear(&String::from_utf8_lossy(message.get_payload_bytes())),
                    None => return Err(gone("the connection ended")),
                },
            }
        }
    }
}

/// Ask for signs of life until one does not come.
async fn beat_tracking(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    loop {
        tokio::time::sleep(BEAT).await;
        redis::cmd("PING").exec_async(connection).await?;
    }
}
async fn beat_channel(sink: &mut PubSubSink) -> RedisResult<()> {
    loop {
        tokio::time::sleep(BEAT).await;
        in_time(sink.ping::<Value>()).await?;
    }
}

async fn in_time<T>(reply: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    tokio::time::timeout(BEAT_MAX, reply).await.unwrap_or_else(|_| Err(gone("no reply in time")))
}

fn gone(reason: &'static str) -> RedisError {
    std::io::Error::other(reason).into()
}
