//! The access token of all nodes: rows behind the port of [`wechat`](crate::wechat), sealed.

use super::{
    node::shared_now,
    random::{random_bytes, random_number},
    vault::Vault,
};
use crate::{
    config::Secret,
    data::{self, Database, access_token::Allowance},
    model::time::Clock,
    wechat::{FetchLease, StoreError, Stored, StoredToken, TokenStore},
};
use std::{sync::Arc, time::Duration};

/// WeChat allows so many forced fetches a day.
const FORCED_PER_DAY: i64 = 20;
/// And so long apart.
const FORCED_APART: Duration = Duration::from_secs(30);

/// Keeps access tokens in the database.
pub(super) struct TokenRows {
    pub(super) database: Database,
    pub(super) vault: Arc<Vault>,
    pub(super) clock: Arc<dyn Clock>,
    /// Names this process in the rows.
    pub(super) holder: String,
}

impl std::fmt::Debug for TokenRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenRows(…)")
    }
}

fn place(appid: &str) -> String {
    format!("access_tokens.token:{appid}")
}

/// How often a write is tried again when another writer was in the way.
const AGAIN_MAX: u32 = 5;

/// Write; what was fetched must reach the row, or the other nodes wait for a lease to end.
async fn write<T, Fut>(unit: impl Fn() -> Fut + Send) -> Result<T, StoreError>
where
    Fut: Future<Output = Result<T, data::Error>> + Send,
{
    let mut again = 0;
    loop {
        match unit().await {
            Err(error) if error.is_contended() && again < AGAIN_MAX => {
                again += 1;
                tokio::time::sleep(Duration::from_millis(2 + random_number(20))).await;
            }
            outcome => return outcome.map_err(|error| StoreError(error.into())),
        }
    }
}

impl TokenRows {
    async fn find(&self, appid: &str) -> Result<StoredToken, data::Error> {
        let mut session = self.database.read().await?;
        let Some(row) = data::access_token::find(&mut session, appid).await? else {
            let nothing = Duration::ZERO;
            return Ok(StoredToken { token: Secret::default(), version: 0, age: nothing, left: nothing, busy: false });
        };
        let now = shared_now(&mut session, &*self.clock).await?;
        // Sealed with a key that was changed: as good as none.
        let opened = self.vault.open(&place(appid), &row.token).and_then(|plain| String::from_utf8(plain).ok());
        let left = if opened.is_some() { row.expires_ms.since(now) } else { Duration::ZERO };
        let (age, busy) = (now.since(row.fetched_ms), row.lease_ms >= now);
        Ok(StoredToken { token: Secret::new(opened.unwrap_or_default()), version: row.version, age, left, busy })
    }

    async fn claim(&self, appid: &str, version: i64, life: Duration) -> Result<Option<FetchLease>, data::Error> {
        let lease = i64::from_le_bytes(random_bytes()) & i64::MAX;
        if version == 0 {
            // By itself: the lock that a refused insert leaves behind would be in the way of the others.
            let mut session = self.database.write().await?;
            data::access_token::insert(&mut session, appid).await?;
            session.commit().await?;
        }
        let mut session = self.database.write().await?;
        let now = shared_now(&mut session, &*self.clock).await?;
        let taken = data::access_token::claim(&mut session, appid, version, lease, now.plus(life), now).await?;
        session.commit().await?;
        Ok(taken.then_some(FetchLease(lease)))
    }

    async fn force(&self, appid: &str, lease: i64) -> Result<bool, data::Error> {
        let mut session = self.database.write().await?;
        let now = shared_now(&mut session, &*self.clock).await?;
        let allowed = Allowance { count_max: FORCED_PER_DAY, before: now.minus(FORCED_APART) };
        let counted = data::access_token::force(&mut session, appid, lease, allowed, now).await?;
        session.commit().await?;
        Ok(counted)
    }

    async fn put(&self, appid: &str, lease: i64, token: &Secret, lives: Duration) -> Result<bool, data::Error> {
        let sealed = self.vault.seal(&place(appid), token.expose().as_bytes());
        let mut session = self.database.write().await?;
        let now = shared_now(&mut session, &*self.clock).await?;
        let kept =
            data::access_token::put(&mut session, appid, lease, &sealed, now.plus(lives), &self.holder, now).await?;
        session.commit().await?;
        Ok(kept)
    }

    async fn release(&self, appid: &str, lease: i64) -> Result<(), data::Error> {
        let mut session = self.database.write().await?;
        data::access_token::release(&mut session, appid, lease).await?;
        session.commit().await
    }
}

impl TokenStore for TokenRows {
    fn find<'a>(&'a self, appid: &'a str) -> Stored<'a, StoredToken> {
        Box::pin(async move { self.find(appid).await.map_err(|error| StoreError(error.into())) })
    }
    fn claim<'a>(&'a self, appid: &'a str, version: i64, until_over: Duration) -> Stored<'a, Option<FetchLease>> {
        Box::pin(async move { write(|| self.claim(appid, version, until_over)).await })
    }
    fn force<'a>(&'a self, appid: &'a str, lease: FetchLease) -> Stored<'a, bool> {
        Box::pin(async move { write(|| self.force(appid, lease.0)).await })
    }
    fn put<'a>(&'a self, appid: &'a str, lease: FetchLease, token: &'a Secret, lives: Duration) -> Stored<'a, bool> {
        Box::pin(async move { write(|| self.put(appid, lease.0, token, lives)).await })
    }
    fn release<'a>(&'a self, appid: &'a str, lease: FetchLease) -> Stored<'a, ()> {
        Box::pin(async move { write(|| self.release(appid, lease.0)).await })
    }
}
