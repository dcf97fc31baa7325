//! `wx.login`: a code becomes an openid.

use super::{Error, ErrorKind, Wechat};
use crate::config::Secret;
use serde::Deserialize;

/// Who logged in.
#[derive(Debug, Clone)]
pub struct LoginSession {
    /// The user under this appid, up to 128 characters without spaces.
    pub openid: String,
    /// The user over all apps of one Open Platform account, where the app is bound to one.
    pub unionid: Option<String>,
    /// Base64 of 16 bytes; opens data of the client. It never leaves the server and is no token of ours.
    pub session_key: Secret,
}

#[derive(Deserialize)]
struct Answer {
    openid: String,
    #[serde(default)]
    unionid: Option<String>,
    session_key: Secret,
}

impl Wechat {
    /// Exchanges the code of `wx.login`. Official page: 小程序登录凭证校验 (code2Session).
    ///
    /// A code lives five minutes and works once. "Busy" (−1) is tried once more with the same code; should the
    /// first attempt have used it up after all, the client hears [`ErrorKind::CodeInvalid`] and logs in again.
    pub async fn code2session(&self, appid: &str, js_code: &str) -> Result<LoginSession, Error> {
        match self.try_code2session(appid, js_code).await {
            Err(error) if error.code() == "-1" => self.try_code2session(appid, js_code).await,
            other => other,
        }
    }

    async fn try_code2session(&self, appid: &str, js_code: &str) -> Result<LoginSession, Error> {
        const OPERATION: &str = "code2session";
        let secret = self.app(OPERATION, appid)?.secret.expose();
        let query = [("appid", appid), ("secret", secret), ("js_code", js_code), ("grant_type", "authorization_code")];
        let request = self.0.http.get(self.platform_address(&["sns", "jscode2session"])).query(&query);
        let answer: Answer = self.platform(OPERATION, request).await?;
        let fit = (1..=128).contains(&answer.openid.len()) && answer.openid.bytes().all(|byte| byte.is_ascii_graphic());
        if !fit || answer.session_key.is_empty() {
            return Err(Error::new(OPERATION, ErrorKind::Busy, "unreadable"));
        }
        Ok(LoginSession {
            openid: answer.openid,
            unionid: answer.unionid.filter(|unionid| !unionid.is_empty()),
            session_key: answer.session_key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorKind;
    use crate::wechat::desk::{APPID, Desk, Signer::Nobody};

    #[tokio::test]
    async fn a_busy_wechat_is_asked_once_more_with_the_same_code() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"errcode":-1,"errmsg":"system error"}"#, Nobody);
        desk.say(200, r#"{"openid":"oA-b_C","session_key":"a2V5","unionid":""}"#, Nobody);
        let session = desk.wechat.code2session(APPID, "c+d").await.expect("session");
        assert_eq!((session.openid.as_str(), session.unionid, session.session_key.expose()), ("oA-b_C", None, "a2V5"));
        let line = "GET /sns/jscode2session?appid=wx0000000000000001&secret=app-secret&js_code=c%2Bd&grant_type=authorization_code";
        assert_eq!(desk.lines(), [line, line]);
    }

    #[tokio::test]
    async fn a_used_code_is_not_asked_again_and_an_odd_openid_is_not_believed() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"errcode":40163,"errmsg":"code been used, rid: 1"}"#, Nobody);
        desk.say(200, r#"{"openid":"o A","session_key":"a2V5"}"#, Nobody);
        let kinds = [
            desk.wechat.code2session(APPID, "c").await.expect_err("used").kind(),
            desk.wechat.code2session(APPID, "c").await.expect_err("space").kind(),
            desk.wechat.code2session("wx9", "c").await.expect_err("foreign").kind(),
        ];
        assert_eq!(kinds, [ErrorKind::CodeInvalid, ErrorKind::Busy, ErrorKind::Config]);
        assert_eq!(desk.lines().len(), 2);
    }
}
