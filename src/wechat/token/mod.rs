//! The access token of an app: fetched once for all nodes, shared, renewed when WeChat calls it bad.
//!
//! WeChat makes the next token five minutes before the present one dies, and takes both for that time. So in its last five
//! minutes whoever needs a token tries to become the one who fetches, and all others go on with the old one. Only when
//! there is no living token do they wait, for as long as a fetch may take; then another takes it over.

mod store;
#[cfg(test)]
pub(super) mod test;

pub use store::{FetchLease, StoreError, Stored, StoredToken, TokenStore};

use super::{Error, ErrorKind, Wechat};
use crate::{
    config::Secret,
    model::time::{Timestamp, minutes},
};
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const OPERATION: &str = "access_token";
/// When WeChat makes the next one: so long before the end. Both are good for this time.
const OVERLAP: Duration = minutes(5);
/// What WeChat says a token lives at most.
const LIFE_MAX: Duration = minutes(120);
/// Beyond the time-out of the call: how long the right to fetch lasts.
const FETCH_MARGIN: Duration = Duration::from_secs(5);
/// How long a token that still lives is used before the next try, when a fetch failed.
const RETRY: Duration = Duration::from_secs(10);
/// How often is looked whether another node has fetched: the shortest and the longest pause.
const LOOK: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(200)];

/// The token of one app on this node.
#[derive(Default)]
pub(super) struct TokenHolder {
    held: Mutex<Option<Held>>,
    /// Held by the one who sees to it: a crowd asks once.
    turn: tokio::sync::Mutex<Option<Error>>,
    /// Looks that came to an end; tells a waiter whether the failure it finds happened while it waited.
    rounds: AtomicU64,
}

#[derive(Clone)]
struct Held {
    token: Secret,
    /// When to look for the next one.
    renew: Timestamp,
    /// When it dies.
    dies: Timestamp,
}

impl TokenHolder {
    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// The token if it lives, and whether the next one is due.
    fn living(&self, now: Timestamp) -> Option<(Secret, bool)> {
        let held = self.held();
        held.as_ref().filter(|held| now < held.dies).map(|held| (held.token.clone(), now >= held.renew))
    }
    fn keep(&self, token: &Secret, due_in: Duration, left: Duration, now: Timestamp) {
        *self.held() = Some(Held { token: token.clone(), renew: now.plus(due_in), dies: now.plus(left) });
    }
    fn put_off(&self, now: Timestamp) {
        if let Some(held) = self.held().as_mut() {
            held.renew = now.plus(RETRY);
        }
    }
}

#[derive(Serialize)]
struct Question<'a> {
    grant_type: &'static str,
    appid: &'a str,
    secret: &'a str,
    force_refresh: bool,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Secret,
    expires_in: u64,
}

fn away(error: StoreError) -> Error {
    Error::new(OPERATION, ErrorKind::Busy, "token_store").because(error)
}

impl Wechat {
    /// The token to put into `access_token=`. Official page: 获取稳定版接口调用凭据 (getStableAccessToken).
    ///
    /// While the database is away, the one in memory is used until it dies.
    pub(super) async fn access_token(&self, appid: &str) -> Result<Secret, Error> {
        let holder = &self.app(OPERATION, appid)?.token;
        let round = holder.rounds.load(Ordering::SeqCst);
        let mut turn = match holder.living(self.0.clock.now()) {
            Some((token, false)) => return Ok(token),
            Some((token, true)) => match holder.turn.try_lock() {
                Ok(turn) => turn,
                // Somebody here sees to it.
                Err(_) => return Ok(token),
            },
            None => holder.turn.lock().await,
        };
        let now = self.0.clock.now();
        let living = holder.living(now);
        if let Some((token, false)) = &living {
            return Ok(token.clone());
        }
        if let Some(failure) = turn.as_ref().filter(|_| holder.rounds.load(Ordering::SeqCst) != round) {
            return living.map(|(token, _)| token).ok_or_else(|| failure.clone());
        }
        let settled = self.settle(appid, holder, None).await;
        holder.rounds.fetch_add(1, Ordering::SeqCst);
        *turn = settled.as_ref().err().cloned();
        match (settled, living) {
            (Ok(token), _) => Ok(token),
            (Err(error), Some((token, _))) => {
                tracing::warn!(appid, %error, "the next access token could not be had yet; the present one still lives");
                holder.put_off(now);
                Ok(token)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Another token than `bad`, which WeChat refused. Whoever comes second finds it fetched.
    ///
    /// The stable endpoint may repeat a token that was revoked elsewhere; only then is a new one forced, at most 20 times a
    /// day and 30 seconds apart over all nodes.
    pub(super) async fn renew_access_token(&self, appid: &str, bad: &Secret) -> Result<Secret, Error> {
        let holder = &self.app(OPERATION, appid)?.token;
        let mut turn = holder.turn.lock().await;
        if let Some((token, false)) = holder.living(self.0.clock.now())
            && token != *bad
        {
            return Ok(token);
        }
        let settled = self.settle(appid, holder, Some(bad)).await;
        holder.rounds.fetch_add(1, Ordering::SeqCst);
        *turn = settled.as_ref().err().cloned();
        settled
    }

    /// Find the token that all nodes share, or fetch it if nobody else does. One that is `bad` is as good as none.
    async fn settle(&self, appid: &str, holder: &TokenHolder, bad: Option<&Secret>) -> Result<Secret, Error> {
        let store = &self.0.tokens;
        let (began, mut pause) = (Instant::now(), LOOK[0]);
        let fetch_max = self.0.platform_timeout + FETCH_MARGIN;
        loop {
            let stored = store.find(appid).await.map_err(away)?;
            let lives = !stored.left.is_zero() && bad.is_none_or(|bad| stored.token != *bad);
            let due_in = usable(stored.age + stored.left).saturating_sub(stored.age);
            if lives && (stored.busy || !due_in.is_zero()) {
                // While another node fetches the next one, this one is good for a while.
                let due_in = if due_in.is_zero() { RETRY } else { due_in };
                holder.keep(&stored.token, due_in, stored.left, self.0.clock.now());
                return Ok(stored.token);
            }
            if !stored.busy
                && let Some(lease) = store.claim(appid, stored.version, fetch_max).await.map_err(away)?
            {
                return self.fetch_for_all(appid, holder, lease, bad).await;
            }
            // One fetch, and one more by whoever takes over from a node that died.
            if began.elapsed() > fetch_max * 2 + FETCH_MARGIN {
                return Err(Error::new(OPERATION, ErrorKind::Busy, "token_wait"));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK[1]);
        }
    }

    /// Fetch with the right to do so, and hand it to all nodes.
    async fn fetch_for_all(
        &self,
        appid: &str,
        holder: &TokenHolder,
        lease: FetchLease,
        bad: Option<&Secret>,
    ) -> Result<Secret, Error> {
        match self.fetch(appid, lease, bad).await {
            Ok(Answer { access_token, expires_in }) => {
                let lives = Duration::from_secs(expires_in).min(LIFE_MAX);
                // A token that cannot be handed over is good all the same: the stable endpoint gives it to everybody.
                match self.0.tokens.put(appid, lease, &access_token, lives).await {
                    Ok(true) => {}
                    Ok(false) => tracing::warn!(appid, "another node fetched an access token meanwhile"),
                    Err(error) => {
                        tracing::warn!(appid, %error, "an access token could not be handed to the other nodes");
                    }
                }
                holder.keep(&access_token, usable(lives), lives, self.0.clock.now());
                Ok(access_token)
            }
            Err(error) => {
                if let Err(error) = self.0.tokens.release(appid, lease).await {
                    // It ends by itself.
                    tracing::warn!(appid, %error, "the right to fetch an access token could not be given back");
                }
                Err(error)
            }
        }
    }

    async fn fetch(&self, appid: &str, lease: FetchLease, bad: Option<&Secret>) -> Result<Answer, Error> {
        let answer = self.fetch_token(appid, false).await?;
        if bad.is_none_or(|bad| answer.access_token != *bad) {
            return Ok(answer);
        }
        if !self.0.tokens.force(appid, lease).await.map_err(away)? {
            return Err(Error::new(OPERATION, ErrorKind::TooMany, "forced_too_often"));
        }
        self.0.meter.forced.add();
        tracing::warn!(appid, "forcing a new access token");
        self.fetch_token(appid, true).await
    }

    /// Whether a mini-program's `AppSecret` gets an access token. It is the stable one, so nobody loses theirs, and it is
    /// kept nowhere.
    pub async fn try_secret(&self, appid: &str) -> Result<(), Error> {
        self.fetch_token(appid, false).await.map(drop)
    }

    async fn fetch_token(&self, appid: &str, force_refresh: bool) -> Result<Answer, Error> {
        let app = self.app(OPERATION, appid)?;
        let question = Question { grant_type: "client_credential", appid, secret: app.secret.expose(), force_refresh };
        let request = self.0.http.post(self.platform_address(&["cgi-bin", "stable_token"])).json(&question);
        let answer = self.platform::<Answer>(OPERATION, request).await?;
        if answer.access_token.is_empty() {
            return Err(Error::new(OPERATION, ErrorKind::Busy, "unreadable"));
        }
        Ok(answer)
    }
}

/// How long a token that lives so long is used before the next one is looked for: until WeChat starts to give that out,
/// but never so briefly that every call looks.
fn usable(life: Duration) -> Duration {
    life.saturating_sub(OVERLAP).max(life.min(OVERLAP) / 5)
}
