//! Claims about the token on one node, and a store in memory for whoever plays WeChat.

use super::*;
use crate::wechat::desk::{APPID, Desk, Signer::Nobody};
use std::{collections::HashMap, future::ready, sync::Arc};

/// A store of one process, where tests play the other nodes.
#[derive(Debug, Default)]
pub(in crate::wechat) struct MemoryStore(Mutex<HashMap<String, Row>>);

#[derive(Debug, Clone, Default)]
struct Row {
    token: Secret,
    version: i64,
    age: Duration,
    left: Duration,
    lease: Option<FetchLease>,
    /// Forced fetches that are left.
    forced: u32,
    away: bool,
}

impl MemoryStore {
    fn row<T>(&self, appid: &str, act: impl FnOnce(&mut Row) -> T) -> Stored<'_, T>
    where
        T: Send + 'static,
    {
        let mut rows = self.0.lock().expect("lock");
        let row = rows.entry(appid.to_owned()).or_insert_with(|| Row { forced: 1, ..Row::default() });
        let answer = if row.away { Err(StoreError("away".into())) } else { Ok(act(row)) };
        Box::pin(ready(answer))
    }
    fn set(&self, act: impl FnOnce(&mut Row)) {
        act(self.0.lock().expect("lock").entry(APPID.to_owned()).or_default());
    }
}

impl TokenStore for MemoryStore {
    fn find<'a>(&'a self, appid: &'a str) -> Stored<'a, StoredToken> {
        self.row(appid, |row| {
            let Row { token, version, age, left, lease, .. } = row.clone();
            StoredToken { token, version, age, left, busy: lease.is_some() }
        })
    }
    fn claim<'a>(&'a self, appid: &'a str, version: i64, _: Duration) -> Stored<'a, Option<FetchLease>> {
        self.row(appid, |row| {
            let free = row.version == version && row.lease.is_none();
            free.then(|| *row.lease.insert(FetchLease(version + 1)))
        })
    }
    fn force<'a>(&'a self, appid: &'a str, lease: FetchLease) -> Stored<'a, bool> {
        self.row(appid, |row| {
            let allowed = row.lease == Some(lease) && row.forced > 0;
            row.forced -= u32::from(allowed);
            allowed
        })
    }
    fn put<'a>(&'a self, appid: &'a str, lease: FetchLease, token: &'a Secret, lives: Duration) -> Stored<'a, bool> {
        let token = token.clone();
        self.row(appid, move |row| {
            let held = row.lease.take() == Some(lease);
            (row.token, row.version, row.left, row.age) = (token, row.version + 1, lives, Duration::ZERO);
            held
        })
    }
    fn release<'a>(&'a self, appid: &'a str, _: FetchLease) -> Stored<'a, ()> {
        self.row(appid, |row| row.lease = None)
    }
}

fn token(text: &str) -> String {
    format!(r#"{{"access_token":"{text}","expires_in":7200}}"#)
}

#[tokio::test]
async fn a_crowd_makes_one_call_and_shares_its_failure() {
    let desk = Desk::open(false).await;
    desk.say(200, r#"{"errcode":40125,"errmsg":"invalid appsecret"}"#, Nobody);
    let crowd = (0..20).map(|_| desk.wechat.access_token(APPID));
    let kinds = futures_util::future::join_all(crowd).await.into_iter().map(|result| result.map_err(|e| e.kind()));
    assert!(kinds.into_iter().all(|result| result == Err(ErrorKind::Config)));
    assert_eq!(desk.lines().len(), 1);
    desk.say(200, &token("T1"), Nobody);
    let crowd = (0..20).map(|_| desk.wechat.access_token(APPID));
    let all = futures_util::future::join_all(crowd).await;
    assert!(all.into_iter().all(|result| result.is_ok_and(|token| token.expose() == "T1")));
    let asked = desk.asked();
    let body = r#"{"grant_type":"client_credential","appid":"wx0000000000000001","secret":"app-secret","force_refresh":false}"#;
    assert_eq!((asked.len(), asked[0].body.as_str()), (1, body));
}

#[tokio::test]
async fn only_a_repeated_bad_token_is_forced_and_only_as_often_as_allowed() {
    let desk = Desk::open(false).await;
    for text in ["T1", "T1", "T2", "T2"] {
        desk.say(200, &token(text), Nobody);
    }
    let first = desk.wechat.access_token(APPID).await.expect("token");
    let second = desk.wechat.renew_access_token(APPID, &first).await.expect("token");
    assert_eq!(second.expose(), "T2");
    assert_eq!(desk.wechat.renew_access_token(APPID, &first).await.expect("held").expose(), "T2");
    let refused = desk.wechat.renew_access_token(APPID, &second).await.expect_err("one was allowed");
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::TooMany, "forced_too_often"));
    let forced: Vec<bool> = desk.asked().iter().map(|asked| asked.body.contains("true")).collect();
    assert_eq!(forced, [false, false, true, false]);
}

#[tokio::test]
async fn what_another_node_fetched_is_used() {
    let desk = Desk::open(false).await;
    desk.say(200, &token("T1"), Nobody);
    let first = desk.wechat.access_token(APPID).await.expect("token");
    desk.tokens.set(|row| (row.token, row.version) = (Secret::new("T2"), 7));
    assert_eq!(desk.wechat.access_token(APPID).await.expect("held").expose(), "T1", "it still lives");
    assert_eq!(desk.wechat.renew_access_token(APPID, &first).await.expect("found").expose(), "T2");
    assert_eq!(desk.lines().len(), 1, "one of the nodes fetched, and it was not this one");
}

#[tokio::test]
async fn in_its_last_minutes_the_old_one_is_used_while_anybody_fetches() {
    let desk = Desk::open(false).await;
    desk.say(200, &token("T1"), Nobody);
    let used = async || desk.wechat.access_token(APPID).await.expect("token").expose().to_owned();
    used().await;
    // Another node is at it.
    desk.clock.advance(minutes(116));
    let minutes_left = |left| move |row: &mut Row| (row.age, row.left) = (minutes(120 - left), minutes(left));
    desk.tokens.set(minutes_left(4));
    desk.tokens.set(|row| row.lease = Some(FetchLease(1)));
    assert_eq!((used().await.as_str(), desk.lines().len()), ("T1", 1));
    // That node died, and the store away: the old one still lives.
    desk.clock.advance(minutes(1));
    desk.tokens.set(|row| (row.lease, row.away) = (None, true));
    assert_eq!((used().await.as_str(), desk.lines().len()), ("T1", 0));
    // WeChat away: the same.
    desk.clock.advance(minutes(1));
    desk.tokens.set(minutes_left(2));
    desk.tokens.set(|row| row.away = false);
    assert_eq!((used().await.as_str(), desk.lines().len()), ("T1", 1));
    assert_eq!((used().await.as_str(), desk.lines().len()), ("T1", 0), "not every call tries again");
    desk.clock.advance(minutes(1));
    desk.say(200, &token("T2"), Nobody);
    assert_eq!((used().await.as_str(), desk.lines().len()), ("T2", 1));
    // Dead, and nobody can be asked whether another node has one.
    desk.clock.advance(minutes(121));
    desk.tokens.set(|row| (row.left, row.away) = (Duration::ZERO, true));
    let error = desk.wechat.access_token(APPID).await.expect_err("none");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Busy, "token_store"));
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
fn the_next_token_is_looked_for_before_this_one_dies() {
    for (lives, used) in [(7200, 6900), (361, 61), (300, 60), (10, 2), (0, 0)] {
        assert_eq!(usable(Duration::from_secs(lives)).as_secs(), used, "{lives}");
    }
}

/// What the desk keeps tokens in.
pub(in crate::wechat) fn memory() -> Arc<MemoryStore> {
    Arc::default()
}
