//! Whether a session key is the one that WeChat has for its user.

use super::{Error, Wechat, encrypted::session_signature};
use serde::Deserialize;

/// The one way of signing that there is (`sig_method`).
const METHOD: &str = "hmac_sha256";

#[derive(Deserialize)]
struct Empty {}

impl Wechat {
    /// Whether this is the present key of a user. It proves nothing else: only one key is valid at a time, and a login
    /// elsewhere may have replaced it. Official page: 检验登录态 (checkSessionKey).
    pub async fn is_session_key_valid(&self, appid: &str, openid: &str, session_key: &str) -> Result<bool, Error> {
        const OPERATION: &str = "check_session";
        let (token, proof) = (self.access_token(appid).await?, session_signature(session_key));
        let query = [
            ("access_token", token.expose()),
            ("openid", openid),
            ("signature", proof.as_str()),
            ("sig_method", METHOD),
        ];
        let request = self.0.http.get(self.platform_address(&["wxa", "checksession"])).query(&query);
        match self.platform::<Empty>(OPERATION, request).await {
            Ok(Empty {}) => Ok(true),
            Err(error) if error.code() == "87009" => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::wechat::desk::{APPID, Desk, Signer::Nobody};

    #[tokio::test]
    async fn only_87009_says_that_a_key_is_not_the_present_one() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"access_token":"T1","expires_in":7200}"#, Nobody);
        let mut answers = Vec::new();
        for body in [r#"{"errcode":0,"errmsg":"ok"}"#, r#"{"errcode":87009,"errmsg":"invalid"}"#, r#"{"errcode":-1}"#] {
            desk.say(200, body, Nobody);
            let answer = desk.wechat.is_session_key_valid(APPID, "o1", "HyVFkGl5F5OQWJZZaNzBBg==").await;
            answers.push(answer.map_err(|error| error.code().to_owned()));
        }
        assert_eq!(answers, [Ok(true), Ok(false), Err("-1".to_owned())]);
    }
}
