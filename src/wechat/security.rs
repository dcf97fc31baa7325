//! What WeChat thinks of what users show each other (内容安全).

use super::{Error, ErrorKind, Wechat};
use serde::{Deserialize, Serialize};

/// The version of both interfaces that knows suggestions.
const VERSION: u8 = 2;
/// A profile (`scene`).
const PROFILE: u8 = 1;
/// An image (`media_type`).
const IMAGE: u8 = 2;

/// What WeChat advises (`suggest`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suggestion {
    /// Nothing is against it.
    Pass,
    /// A person should look.
    Review,
    /// It must not be shown.
    Risky,
}

impl Suggestion {
    /// From its word.
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "pass" => Some(Self::Pass),
            "review" => Some(Self::Review),
            "risky" => Some(Self::Risky),
            _ => None,
        }
    }
}

#[derive(Serialize)]
struct Picture<'a> {
    media_url: &'a str,
    media_type: u8,
    version: u8,
    scene: u8,
    openid: &'a str,
}

#[derive(Deserialize)]
struct Asked {
    trace_id: String,
}

#[derive(Serialize)]
struct Text<'a> {
    content: &'a str,
    version: u8,
    scene: u8,
    openid: &'a str,
    nickname: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    result: Judged,
}

#[derive(Deserialize)]
struct Judged {
    suggest: Suggestion,
}

impl Wechat {
    /// Asks WeChat to look at a picture that it can fetch at this address for the next two hours; the answer comes as a
    /// [`MediaEvent`](super::push::MediaEvent) with the `trace_id` that is returned here. The user must have used the
    /// mini-program within two hours. Official page: 音视频内容安全识别 (mediaCheckAsync), version 2.
    pub async fn check_picture(&self, appid: &str, openid: &str, url: &str) -> Result<String, Error> {
        const OPERATION: &str = "media_check";
        let body = Picture { media_url: url, media_type: IMAGE, version: VERSION, scene: PROFILE, openid };
        let asked: Asked = self.post_with_token(OPERATION, appid, &["wxa", "media_check_async"], &body).await?;
        let fits =
            (1..=64).contains(&asked.trace_id.len()) && asked.trace_id.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(asked.trace_id) } else { Err(Error::new(OPERATION, ErrorKind::Busy, "unreadable")) }
    }

    /// What WeChat thinks of a name, up to 2,500 characters. Official page: 文本内容安全识别 (msgSecCheck), version 2.
    pub async fn check_name(&self, appid: &str, openid: &str, name: &str) -> Result<Suggestion, Error> {
        let body = Text { content: name, version: VERSION, scene: PROFILE, openid, nickname: name };
        let answer: Answer = self.post_with_token("text_check", appid, &["wxa", "msg_sec_check"], &body).await?;
        Ok(answer.result.suggest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::desk::{APPID, Desk, Signer::Nobody};

    #[tokio::test]
    async fn a_success_without_an_answer_is_none() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"access_token":"T1","expires_in":7200}"#, Nobody);
        desk.say(200, r#"{"errcode":0,"errmsg":"ok","trace_id":"t-1"}"#, Nobody);
        desk.say(200, r#"{"errcode":0,"errmsg":"ok"}"#, Nobody);
        desk.say(200, r#"{"errcode":0,"result":{"suggest":"review","label":21000}}"#, Nobody);
        desk.say(200, r#"{"errcode":0,"result":{"suggest":"perhaps","label":1}}"#, Nobody);
        let picture = || desk.wechat.check_picture(APPID, "o1", "https://shop.example/a.jpg");
        assert_eq!(picture().await.expect("asked"), "t-1");
        assert_eq!(picture().await.expect_err("no trace").kind(), ErrorKind::Busy);
        let name = || desk.wechat.check_name(APPID, "o1", "小明");
        assert_eq!(name().await.expect("answered"), Suggestion::Review);
        assert_eq!(name().await.expect_err("another word").kind(), ErrorKind::Busy);
    }
}
