//! Asking WeChat whether it would have us, for `weizhan doctor`. Nothing is changed by it.

use super::{Error, Wechat, transport};
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

impl Wechat {
    /// Whether a mini-program's `AppSecret` gets an access token. It is the stable one, so nobody loses theirs.
    pub async fn try_secret(&self, appid: &str) -> Result<(), Error> {
        self.access_token(appid).await.map(drop)
    }
}
