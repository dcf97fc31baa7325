//! The access token of an app: fetched once, shared, renewed when WeChat calls it bad.

use super::{Error, ErrorKind, Wechat};
use crate::{config::Secret, model::time::Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::sync::Mutex;

/// WeChat allows 20 forced renewals a day, at least 30 seconds apart: at most one in this time keeps both.
const FORCE_INTERVAL: Duration = Duration::from_mins(75);

/// The token of one app. The lock is held while fetching, so that a crowd makes one call.
#[derive(Default)]
pub(super) struct TokenHolder {
    held: Mutex<Held>,
    /// Fetches that came to an end; tells a waiter whether the failure it finds happened while it waited.
    rounds: AtomicU64,
}

#[derive(Default)]
struct Held {
    token: Option<(Secret, Timestamp)>,
    forced: Option<Timestamp>,
    failure: Option<Error>,
}

impl Held {
    fn valid(&self, now: Timestamp) -> Option<&Secret> {
        self.token.as_ref().filter(|(_, until)| now < *until).map(|(token, _)| token)
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

impl Wechat {
    /// The token to put into `access_token=`. Any number of nodes may do so: the stable endpoint gives all of them
    /// the same one. Official page: 获取稳定版接口调用凭据 (getStableAccessToken).
    pub(super) async fn access_token(&self, appid: &str) -> Result<Secret, Error> {
        let holder = &self.app("access_token", appid)?.token;
        let round = holder.rounds.load(Ordering::SeqCst);
        let mut held = holder.held.lock().await;
        if let Some(token) = held.valid(self.0.clock.now()) {
            return Ok(token.clone());
        }
        match &held.failure {
            Some(failure) if holder.rounds.load(Ordering::SeqCst) != round => Err(failure.clone()),
            _ => self.fetch_token(appid, holder, &mut held, false).await,
        }
    }

    /// Another token than `bad`, which WeChat refused. Whoever comes second finds it fetched.
    ///
    /// The stable endpoint may repeat a token that was revoked elsewhere; only then is a new one forced.
    pub(super) async fn renew_access_token(&self, appid: &str, bad: &Secret) -> Result<Secret, Error> {
        let holder = &self.app("access_token", appid)?.token;
        let mut held = holder.held.lock().await;
        let now = self.0.clock.now();
        if let Some(token) = held.valid(now).filter(|token| *token != bad) {
            return Ok(token.clone());
        }
        let token = self.fetch_token(appid, holder, &mut held, false).await?;
        if token != *bad || held.forced.is_some_and(|last| now.since(last) < FORCE_INTERVAL) {
            return Ok(token);
        }
        held.forced = Some(now);
        self.0.meter.forced.add();
        tracing::warn!(appid, "forcing a new access token");
        self.fetch_token(appid, holder, &mut held, true).await
    }

    async fn fetch_token(
        &self,
        appid: &str,
        holder: &TokenHolder,
        held: &mut Held,
        force_refresh: bool,
    ) -> Result<Secret, Error> {
        let app = self.app("access_token", appid)?;
        let question = Question { grant_type: "client_credential", appid, secret: app.secret.expose(), force_refresh };
        let request = self.0.http.post(self.platform_address(&["cgi-bin", "stable_token"])).json(&question);
        let result = self.platform::<Answer>("access_token", request).await.and_then(|answer| {
            if answer.access_token.is_empty() {
                return Err(Error::new("access_token", ErrorKind::Busy, "unreadable"));
            }
            Ok(answer)
        });
        holder.rounds.fetch_add(1, Ordering::SeqCst);
        match result {
            Ok(answer) => {
                let until = self.0.clock.now().plus(hold(answer.expires_in));
                held.token = Some((answer.access_token.clone(), until));
                held.failure = None;
                Ok(answer.access_token)
            }
            Err(error) => {
                held.failure = Some(error.clone());
                Err(error)
            }
        }
    }
}

/// How long to keep a token that lives so many seconds: until WeChat starts to give out the next one, five minutes
/// before the end, but never so briefly that every call fetches.
fn hold(expires_in: u64) -> Duration {
    Duration::from_secs(expires_in.saturating_sub(300).max(expires_in.min(300) / 5).min(7200))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::desk::{APPID, Desk, Signer::Nobody};

    #[tokio::test]
    async fn a_crowd_makes_one_call_and_shares_its_failure() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"errcode":40125,"errmsg":"invalid appsecret"}"#, Nobody);
        let crowd = (0..20).map(|_| desk.wechat.access_token(APPID));
        let kinds = futures_util::future::join_all(crowd).await.into_iter().map(|result| result.map_err(|e| e.kind()));
        assert!(kinds.into_iter().all(|result| result == Err(ErrorKind::Config)));
        assert_eq!(desk.lines().len(), 1);
        desk.say(200, r#"{"access_token":"T1","expires_in":7200}"#, Nobody);
        let crowd = (0..20).map(|_| desk.wechat.access_token(APPID));
        let all = futures_util::future::join_all(crowd).await;
        assert!(all.into_iter().all(|result| result.is_ok_and(|token| token.expose() == "T1")));
        let asked = desk.asked();
        let body = r#"{"grant_type":"client_credential","appid":"wx0000000000000001","secret":"app-secret","force_refresh":false}"#;
        assert_eq!((asked.len(), asked[0].body.as_str()), (1, body));
    }

    #[tokio::test]
    async fn only_a_repeated_bad_token_is_forced_and_only_seldom() {
        let desk = Desk::open(false).await;
        for token in ["T1", "T1", "T2", "T2"] {
            desk.say(200, &format!(r#"{{"access_token":"{token}","expires_in":7200}}"#), Nobody);
        }
        let first = desk.wechat.access_token(APPID).await.expect("token");
        let second = desk.wechat.renew_access_token(APPID, &first).await.expect("token");
        assert_eq!(second.expose(), "T2");
        assert_eq!(desk.wechat.renew_access_token(APPID, &first).await.expect("held").expose(), "T2");
        assert_eq!(desk.wechat.renew_access_token(APPID, &second).await.expect("same").expose(), "T2");
        let forced: Vec<bool> = desk.asked().iter().map(|asked| asked.body.contains("true")).collect();
        assert_eq!(forced, [false, false, true, false]);
    }

    #[tokio::test]
    async fn an_error_shows_neither_secret_nor_token() {
        let desk = Desk::open(false).await;
        let request = desk.wechat.0.http.get("http://127.0.0.1:1/x?secret=app-secret&access_token=T1");
        let error = desk.wechat.platform::<Answer>("test", request).await.err().expect("unreachable");
        assert_eq!(error.kind(), ErrorKind::Busy);
        let shown = format!("{error} {error:?} {:?}", std::error::Error::source(&error).map(ToString::to_string));
        assert!(!shown.contains("app-secret") && !shown.contains("T1"), "{shown}");
    }

    #[test]
    fn a_token_is_dropped_before_it_dies() {
        for (lives, held) in [(7200, 6900), (361, 61), (300, 60), (10, 2), (0, 0), (u64::MAX, 7200)] {
            assert_eq!(hold(lives).as_secs(), held, "{lives}");
        }
    }
}
