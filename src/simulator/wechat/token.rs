//! Access tokens of both kinds: who has one, how long, and what ends it.

use super::{Answer, Errcode, Words, check_app, read};
use crate::model::time::{Timestamp, minutes};
use crate::simulator::{
    Error, Simulator,
    ledger::{Ledger, Record},
    record::Token,
};
use crate::wechat::pay::sign::random_text;
use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

/// Seconds an access token lives.
const TOKEN_SECONDS: u32 = 7200;
/// How long a replaced token is still accepted, and how early a stable token is renewed.
const OVERLAP: Duration = minutes(5);

#[derive(Deserialize)]
struct AskToken {
    grant_type: Option<String>,
    appid: Option<String>,
    secret: Option<String>,
    #[serde(default)]
    force_refresh: bool,
}

/// `getAccessToken`: each call makes a new one; the one before dies after an overlap.
pub(super) async fn plain(State(simulator): State<Simulator>, Query(words): Words) -> Answer {
    let word = |name: &str| words.get(name).map(String::as_str);
    if word("grant_type") != Some("client_credential") {
        return Err(Errcode(40002));
    }
    let appid = check_app(&simulator, word("appid"), word("secret"))?;
    let now = simulator.now();
    let mut ledger = simulator.lock();
    let old = newest(&ledger, &appid, false).filter(|token| token.expires_ms > now);
    let token = make(&mut ledger, &appid, false, false, old, now.plus(OVERLAP), now)?;
    Ok(view(&token, now))
}

/// `getStableAccessToken`: the same token until its last five minutes, unless a new one is forced.
pub(super) async fn stable(State(simulator): State<Simulator>, body: Bytes) -> Answer {
    let ask: AskToken = read(&body)?;
    let [asked, forced] = &simulator.0.token_calls;
    asked.fetch_add(1, Ordering::SeqCst);
    forced.fetch_add(u64::from(ask.force_refresh), Ordering::SeqCst);
    if ask.grant_type.as_deref() != Some("client_credential") {
        return Err(Errcode(40002));
    }
    let appid = check_app(&simulator, ask.appid.as_deref(), ask.secret.as_deref())?;
    let now = simulator.now();
    let mut ledger = simulator.lock();
    let current = newest(&ledger, &appid, true).filter(|token| token.expires_ms > now);
    if let Some(current) = &current {
        let day = |token: &&Token| token.appid == appid && token.forced && token.created_ms.day() == now.day();
        let spent = ledger.tokens.rows().filter(day).count() >= 20;
        let soon = current.forced && now.since(current.created_ms) < Duration::from_secs(30);
        let fresh = current.expires_ms > now.plus(OVERLAP);
        if if ask.force_refresh { spent || soon } else { fresh } {
            return Ok(view(current, now));
        }
    }
    // Forced, the old one dies at once; otherwise it lives out its last minutes.
    let end = if ask.force_refresh { now } else { now.plus(OVERLAP) };
    let token = make(&mut ledger, &appid, true, ask.force_refresh, current, end, now)?;
    Ok(view(&token, now))
}

/// How often stable tokens were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCalls {
    /// Questions, whether or not they made a new token.
    pub asked: u64,
    /// Those of them that forced one.
    pub forced: u64,
}

impl Simulator {
    /// How often backends asked for stable tokens so far.
    pub fn token_calls(&self) -> TokenCalls {
        let [asked, forced] = self.0.token_calls.each_ref().map(|count| count.load(Ordering::SeqCst));
        TokenCalls { asked, forced }
    }

    /// The stable token is refused from now on, and is still the one that is given out: only forcing helps. Real WeChat
    /// does so now and then.
    pub fn revoke_token(&self, appid: &str) -> Result<(), Error> {
        let mut ledger = self.lock();
        let token = newest(&ledger, appid, true).ok_or(Error::missing("token", appid))?;
        ledger.put([Record::Token(Token { replaced_ms: Some(self.now()), ..token })])
    }
}

fn newest(ledger: &Ledger, appid: &str, stable: bool) -> Option<Token> {
    ledger.tokens.rows().rev().find(|token| token.appid == appid && token.stable == stable).cloned()
}

fn make(
    ledger: &mut Ledger,
    appid: &str,
    stable: bool,
    forced: bool,
    old: Option<Token>,
    old_ends: Timestamp,
    now: Timestamp,
) -> Result<Token, Error> {
    let token = Token {
        // Real ones have 100 to 200 symbols and are promised to stay below 512.
        text: format!("{}_{}", if stable { "95" } else { "96" }, random_text(154)),
        appid: appid.to_owned(),
        stable,
        created_ms: now,
        expires_ms: now.plus(Duration::from_secs(u64::from(TOKEN_SECONDS))),
        replaced_ms: None,
        forced,
    };
    let old = old.map(|old| Record::Token(Token { replaced_ms: Some(old_ends), ..old }));
    ledger.put(old.into_iter().chain([Record::Token(token.clone())]))?;
    Ok(token)
}

fn view(token: &Token, now: Timestamp) -> Json<Value> {
    Json(json!({ "access_token": token.text, "expires_in": token.expires_ms.since(now).as_secs() }))
}

/// The mini-program of an access token.
pub(super) fn check(simulator: &Simulator, words: &HashMap<String, String>) -> Result<String, Errcode> {
    let text = words.get("access_token").filter(|text| !text.is_empty()).ok_or(Errcode(41001))?;
    let now = simulator.now();
    let ledger = simulator.lock();
    let token = ledger.tokens.get(text).ok_or(Errcode(40001))?;
    if token.replaced_ms.is_some_and(|end| end <= now) {
        return Err(Errcode(40001));
    }
    if token.expires_ms <= now {
        return Err(Errcode(42001));
    }
    Ok(token.appid.clone())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::simulator::test::{APPID, Merchant, SECRET};

    pub(in crate::simulator::wechat) async fn stable(merchant: &Merchant, force: bool) -> Value {
        let ask =
            json!({ "grant_type": "client_credential", "appid": APPID, "secret": SECRET, "force_refresh": force });
        merchant.plain("POST", "/cgi-bin/stable_token", ask).await.json
    }

    async fn phone(merchant: &Merchant, token: &Value) -> Value {
        let code = merchant.simulator.phone_code(APPID, "amy").expect("code");
        let path = format!("/wxa/business/getuserphonenumber?access_token={}", token.as_str().unwrap_or_default());
        merchant.plain("POST", &path, json!({ "code": code })).await.json
    }

    #[tokio::test]
    async fn a_stable_token_stays_until_its_last_five_minutes_or_until_forced() {
        let merchant = Merchant::new();
        let first = stable(&merchant, false).await;
        assert_eq!(first["expires_in"], 7200);
        merchant.clock.advance(minutes(114));
        assert_eq!(stable(&merchant, false).await["access_token"], first["access_token"]);
        merchant.clock.advance(minutes(2));
        let second = stable(&merchant, false).await["access_token"].clone();
        assert_ne!(second, first["access_token"]);
        assert_eq!(phone(&merchant, &first["access_token"]).await["errcode"], 0, "both live for a while");
        merchant.clock.advance(minutes(4));
        assert_eq!(phone(&merchant, &first["access_token"]).await["errcode"], 42001);
        let forced = stable(&merchant, true).await["access_token"].clone();
        assert_ne!(forced, second);
        assert_eq!(phone(&merchant, &second).await["errcode"], 40001, "dead at once");
        assert_eq!(stable(&merchant, true).await["access_token"], forced, "not twice within 30 seconds");
        let secret = SECRET.replace(' ', "%20");
        let path = format!("/cgi-bin/token?grant_type=client_credential&appid={APPID}&secret={secret}");
        let plain = merchant.plain("GET", &path, Value::Null).await.json["access_token"].clone();
        assert_eq!(phone(&merchant, &plain).await["phone_info"]["watermark"]["appid"], APPID);
        assert_eq!(phone(&merchant, &forced).await["errcode"], 0, "the two ways know nothing of each other");
        for (path, code) in [("", 41001), ("?access_token=x", 40001)] {
            let path = format!("/wxa/business/getuserphonenumber{path}");
            assert_eq!(merchant.plain("POST", &path, json!({ "code": "x" })).await.json["errcode"], code);
        }
        assert_eq!(merchant.plain("GET", "/cgi-bin/stable_token", Value::Null).await.json["errcode"], 43002);
    }
}
