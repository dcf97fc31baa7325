//! Mini-program codes.

use super::{Error, Wechat};
use serde::Serialize;

/// What a code leads to.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct UnlimitedCode<'a> {
    /// 1 to 32 characters of ``0-9A-Za-z!#$&'()*+,/:;=?@-._~``.
    pub scene: &'a str,
    /// Without `/` before it, without a query.
    pub page: &'a str,
    /// Whether WeChat looks that the released version has the page.
    pub check_path: bool,
    /// `release`, `trial` or `develop`.
    pub env_version: &'a str,
    /// In pixels, 280 to 1280.
    pub width: i64,
}

impl Wechat {
    /// Draws a code, PNG or JPEG; 5,000 a minute. Official page: 获取不限制的小程序码 (getUnlimitedQRCode).
    pub async fn unlimited_code(&self, appid: &str, code: UnlimitedCode<'_>) -> Result<Vec<u8>, Error> {
        self.post_for_picture("code", appid, &["wxa", "getwxacodeunlimit"], &code).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::{
        ErrorKind,
        desk::{APPID, Desk, Signer::Nobody},
    };

    #[tokio::test]
    async fn a_picture_is_told_from_a_failure_by_how_it_begins() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"access_token":"T1","expires_in":7200}"#, Nobody);
        let draw = async || {
            let code = UnlimitedCode { scene: "s", page: "p", check_path: true, env_version: "release", width: 430 };
            desk.wechat.unlimited_code(APPID, code).await.map_err(|error| (error.kind(), error.code().to_owned()))
        };
        desk.say(200, "\u{89}PNG", Nobody);
        assert_eq!(draw().await, Err((ErrorKind::Busy, "unreadable".to_owned())), "not the byte that begins a PNG");
        for (body, kind, code) in [
            (r#"{"errcode":41030,"errmsg":"invalid page"}"#, ErrorKind::Refused, "41030"),
            (r#"{"errcode":45009,"errmsg":"limit"}"#, ErrorKind::TooMany, "45009"),
            (r#"{"errcode":0}"#, ErrorKind::Busy, "unreadable"),
            ("<html>", ErrorKind::Busy, "unreadable"),
            ("", ErrorKind::Busy, "unreadable"),
        ] {
            desk.say(200, body, Nobody);
            assert_eq!(draw().await, Err((kind, code.to_owned())), "{body}");
        }
        // A token that has gone stale is renewed, as for any call.
        desk.say(200, r#"{"errcode":40001,"errmsg":"invalid"}"#, Nobody);
        desk.say(200, r#"{"access_token":"T2","expires_in":7200}"#, Nobody);
        desk.say(200, r#"{"errcode":41030}"#, Nobody);
        assert_eq!(draw().await, Err((ErrorKind::Refused, "41030".to_owned())));
    }
}
