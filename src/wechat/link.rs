//! Links from outside into a mini-program.

use super::{Error, ErrorKind, Wechat};
use serde::{Deserialize, Serialize};

/// A time that ends a link is given in days (`expire_type`).
const BY_DAYS: u8 = 1;

/// What a link leads to.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LinkTarget<'a> {
    /// Without `/` before it, without a query.
    pub path: &'a str,
    /// Up to 1,024 characters.
    pub query: &'a str,
    /// `release`, `trial` or `develop`.
    pub env_version: &'a str,
}

#[derive(Serialize)]
struct AskLink<'a> {
    #[serde(flatten)]
    target: LinkTarget<'a>,
    expire_type: u8,
    expire_interval: i64,
}

#[derive(Serialize)]
struct AskScheme<'a> {
    jump_wxa: LinkTarget<'a>,
    expire_type: u8,
    expire_interval: i64,
}

#[derive(Deserialize)]
struct UrlLink {
    url_link: String,
}

#[derive(Deserialize)]
struct Scheme {
    openlink: String,
}

impl Wechat {
    /// A link for browsers that opens for so many days, up to 30. Official page: 获取加密 URL Link (generateUrlLink).
    pub async fn url_link(&self, appid: &str, target: LinkTarget<'_>, days: i64) -> Result<String, Error> {
        const OPERATION: &str = "url_link";
        let ask = AskLink { target, expire_type: BY_DAYS, expire_interval: days };
        let made: UrlLink = self.post_with_token(OPERATION, appid, &["wxa", "generate_urllink"], &ask).await?;
        whole(OPERATION, made.url_link, "https://")
    }
    /// A link for phones that opens for so many days, up to 30. Official page: 获取加密 scheme 码 (generateScheme).
    pub async fn url_scheme(&self, appid: &str, target: LinkTarget<'_>, days: i64) -> Result<String, Error> {
        const OPERATION: &str = "url_scheme";
        let ask = AskScheme { jump_wxa: target, expire_type: BY_DAYS, expire_interval: days };
        let made: Scheme = self.post_with_token(OPERATION, appid, &["wxa", "generatescheme"], &ask).await?;
        whole(OPERATION, made.openlink, "weixin://")
    }
}

fn whole(operation: &'static str, link: String, start: &str) -> Result<String, Error> {
    let fits = link.starts_with(start) && link.len() <= 255 && link.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(link) } else { Err(Error::new(operation, ErrorKind::Busy, "unreadable")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::desk::{APPID, Desk, Signer::Nobody};

    #[tokio::test]
    async fn only_a_link_of_its_kind_is_one() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"access_token":"T1","expires_in":7200}"#, Nobody);
        let target = LinkTarget { path: "pages/index", query: "a=1", env_version: "release" };
        desk.say(200, r#"{"errcode":0,"url_link":"https://wxaurl.cn/a"}"#, Nobody);
        assert_eq!(desk.wechat.url_link(APPID, target, 1).await.expect("a link"), "https://wxaurl.cn/a");
        desk.say(200, r#"{"errcode":0,"openlink":"weixin://dl/business/?t=a"}"#, Nobody);
        assert_eq!(desk.wechat.url_scheme(APPID, target, 1).await.expect("a link"), "weixin://dl/business/?t=a");
        for body in [r#"{"errcode":0}"#, r#"{"errcode":0,"url_link":"javascript:1"}"#] {
            desk.say(200, body, Nobody);
            assert_eq!(desk.wechat.url_link(APPID, target, 1).await.expect_err(body).code(), "unreadable");
        }
    }
}
