//! Calls to `api.weixin.qq.com`: the envelope with `errcode`, and the access token in the query.

use super::{Error, ErrorKind, Wechat, transport};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::time::Instant;

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    errcode: i64,
    #[serde(default)]
    errmsg: String,
}

impl Wechat {
    /// The address of a platform call, without its query.
    pub(super) fn platform_address(&self, path: &[&str]) -> url::Url {
        transport::address(&self.0.platform_base, path)
    }

    /// Sends a platform request and reads its answer.
    pub(super) async fn platform<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        request: reqwest::RequestBuilder,
    ) -> Result<T, Error> {
        self.platform_as(operation, request, read).await
    }

    async fn platform_as<T>(
        &self,
        operation: &'static str,
        request: reqwest::RequestBuilder,
        read: Reading<T>,
    ) -> Result<T, Error> {
        let began = Instant::now();
        if !self.0.breakers.allows(operation, self.0.clock.now()) {
            return Err(Error::new(operation, ErrorKind::Busy, Error::BREAKER));
        }
        let reply = transport::send(operation, request.timeout(self.0.platform_timeout)).await;
        let result = reply.and_then(|reply| {
            read(operation, reply.status, &reply.body).inspect_err(|error| {
                let (status, advice) = (reply.status.as_u16(), error.advice());
                // WeChat's text ends with `rid: …`, which its support asks for.
                tracing::warn!(operation, status, %error, advice, "WeChat refused a call");
            })
        });
        self.0.breakers.note(operation, &result, self.0.clock.now());
        self.0.meter.note(operation, &result, began.elapsed());
        result
    }

    /// POSTs JSON with the app's access token. A token that WeChat calls bad is renewed and the call repeated, once.
    pub(super) async fn post_with_token<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        appid: &str,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<T, Error> {
        self.post_with_token_as(operation, appid, path, body, read).await
    }

    /// The same where the answer is a picture, and only a failure is JSON.
    pub(super) async fn post_for_picture(
        &self,
        operation: &'static str,
        appid: &str,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<Vec<u8>, Error> {
        self.post_with_token_as(operation, appid, path, body, read_picture).await
    }

    async fn post_with_token_as<T>(
        &self,
        operation: &'static str,
        appid: &str,
        path: &[&str],
        body: &(impl Serialize + Sync),
        read: Reading<T>,
    ) -> Result<T, Error> {
        let address = self.platform_address(path);
        let request = |token: &str| self.0.http.post(address.clone()).query(&[("access_token", token)]).json(body);
        let token = self.access_token(appid).await?;
        match self.platform_as(operation, request(token.expose()), read).await {
            Err(error) if is_token_bad(&error) => {
                let token = self.renew_access_token(appid, &token).await?;
                self.platform_as(operation, request(token.expose()), read).await
            }
            other => other,
        }
    }
}

/// How an answer is read: the operation, its status and its body.
type Reading<T> = fn(&'static str, StatusCode, &[u8]) -> Result<T, Error>;

/// The codes that business calls answer to a token that is stale or was replaced.
fn is_token_bad(error: &Error) -> bool {
    matches!(error.code(), "40001" | "40014" | "42001")
}

/// Success is: `errcode` absent or 0, and the fields are there.
fn read<T: DeserializeOwned>(operation: &'static str, status: StatusCode, body: &[u8]) -> Result<T, Error> {
    if !status.is_success() {
        let busy = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let kind = if busy { ErrorKind::Busy } else { ErrorKind::Refused };
        return Err(Error::new(operation, kind, format!("http_{}", status.as_u16())));
    }
    let unreadable = |error| Error::new(operation, ErrorKind::Busy, "unreadable").because(error);
    let envelope: Envelope = serde_json::from_slice(body).map_err(unreadable)?;
    if envelope.errcode != 0 {
        let error = Error::new(operation, kind_of(envelope.errcode), envelope.errcode.to_string());
        return Err(error.message_of(&envelope.errmsg));
    }
    serde_json::from_slice(body).map_err(unreadable)
}

/// WeChat does not always say which of both it is: a failure is JSON, and no picture begins as JSON does.
fn read_picture(operation: &'static str, status: StatusCode, body: &[u8]) -> Result<Vec<u8>, Error> {
    if !status.is_success() || body.first() == Some(&b'{') {
        read::<Envelope>(operation, status, body)?;
        return Err(Error::new(operation, ErrorKind::Busy, "unreadable"));
    }
    let known = [&b"\x89PNG"[..], b"\xff\xd8\xff"].iter().any(|start| body.starts_with(start));
    if known { Ok(body.to_vec()) } else { Err(Error::new(operation, ErrorKind::Busy, "unreadable")) }
}

/// Official page: 全局返回码, and the table of each call.
const fn kind_of(errcode: i64) -> ErrorKind {
    match errcode {
        -1 | 61_504 => ErrorKind::Busy,
        40_029 | 40_163 => ErrorKind::CodeInvalid,
        40_226 => ErrorKind::Risky,
        44_990 | 44_991 | 44_993 | 45_009 | 45_011 | 45_029 => ErrorKind::TooMany,
        40_001 | 40_002 | 40_013 | 40_014 | 40_125 | 40_164 | 40_243 | 41_001 | 41_002 | 41_004 | 42_001 | 48_001
        | 50_004 | 50_007 | 61_004 | 85_079 | 89_503 | 89_506 | 89_507 => ErrorKind::Config,
        _ => ErrorKind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug, PartialEq)]
    struct Token {
        access_token: String,
    }

    fn kind(status: u16, body: &str) -> Result<Token, ErrorKind> {
        let status = StatusCode::from_u16(status).expect("status");
        read::<Token>("test", status, body.as_bytes()).map_err(|error| error.kind())
    }

    #[test]
    fn success_is_no_errcode_or_zero_and_the_field() {
        let token = Ok(Token { access_token: "t".to_owned() });
        assert_eq!(kind(200, r#"{"access_token":"t"}"#), token);
        assert_eq!(kind(200, r#"{"access_token":"t","errcode":0,"errmsg":"ok"}"#), token);
        assert_eq!(kind(200, r#"{"errcode":0}"#), Err(ErrorKind::Busy));
        assert_eq!(kind(200, "<html>"), Err(ErrorKind::Busy));
    }

    #[test]
    fn codes_become_what_to_do() {
        for (errcode, expected) in [
            (-1, ErrorKind::Busy),
            (40_029, ErrorKind::CodeInvalid),
            (40_163, ErrorKind::CodeInvalid),
            (40_226, ErrorKind::Risky),
            (45_011, ErrorKind::TooMany),
            (40_125, ErrorKind::Config),
            (47_001, ErrorKind::Refused),
        ] {
            assert_eq!(kind(200, &format!(r#"{{"errcode":{errcode},"access_token":"t"}}"#)), Err(expected));
        }
        assert_eq!(kind(502, ""), Err(ErrorKind::Busy));
        assert_eq!(kind(429, ""), Err(ErrorKind::Busy));
        assert_eq!(kind(302, ""), Err(ErrorKind::Refused));
    }
}
