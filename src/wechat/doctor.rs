//! Asking WeChat whether it would have us, for `weizhan doctor`. Nothing is changed by it.

use super::{Error, FetchLease, Secret, StoreError, Stored, StoredToken, TokenStore, transport};
use std::time::{Duration, Instant};

/// How long an address may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How an address answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The header `Date`.
    pub date: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Ask any address for anything; whatever it answers shows that it can be reached.
pub async fn reach(url: &url::Url) -> Result<Reached, Error> {
    let began = Instant::now();
    let request = transport::client()?.get(url.clone()).timeout(PATIENCE);
    let reply = transport::send("doctor", request).await?;
    let date = reply.headers.get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
    Ok(Reached { date, took: began.elapsed() })
}

/// Keeps no token: what examines needs none from others and gives none to them.
#[derive(Debug)]
pub struct NoTokens;

fn none<'a, T>() -> Stored<'a, T> {
    Box::pin(async { Err(StoreError("nothing is kept here".into())) })
}

impl TokenStore for NoTokens {
    fn find<'a>(&'a self, _: &'a str) -> Stored<'a, StoredToken> {
        none()
    }
    fn claim<'a>(&'a self, _: &'a str, _: i64, _: Duration) -> Stored<'a, Option<FetchLease>> {
        none()
    }
    fn force<'a>(&'a self, _: &'a str, _: FetchLease) -> Stored<'a, bool> {
        none()
    }
    fn put<'a>(&'a self, _: &'a str, _: FetchLease, _: &'a Secret, _: Duration) -> Stored<'a, bool> {
        none()
    }
    fn release<'a>(&'a self, _: &'a str, _: FetchLease) -> Stored<'a, ()> {
        none()
    }
}
