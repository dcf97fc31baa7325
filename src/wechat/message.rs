//! Subscribe messages: one is sent, or why it was not.

use super::{Error, ErrorKind, Wechat};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The language of the card's own words.
const LANGUAGE: &str = "zh_CN";
const OPERATION: &str = "message";

/// A message as it is sent.
#[derive(Debug, Clone, Copy)]
pub struct SubscribeMessage<'a> {
    /// To whom.
    pub openid: &'a str,
    /// By which template.
    pub template_id: &'a str,
    /// Where a tap leads; empty: nowhere.
    pub page: &'a str,
    /// In which version of the mini-program: `developer`, `trial` or `formal`.
    pub version: &'a str,
    /// The text of each place.
    pub texts: &'a BTreeMap<String, String>,
}

/// What WeChat made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageVerdict {
    /// It took it, under this number, if it said one.
    Sent(String),
    /// The person has not agreed to it, or no more (43101): asking again is of no use.
    Unsubscribed(String),
    /// It was not sent, and may be a little later.
    Later(String, String),
    /// It will never be sent so: a person must look at the template or the settings.
    Refused(String, String),
    /// No answer, or none that could be read: it may have been sent, and there is no way to ask.
    Unknown(String, String),
}

#[derive(Serialize)]
struct Ask<'a> {
    touser: &'a str,
    template_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    page: &'a str,
    miniprogram_state: &'a str,
    lang: &'a str,
    data: BTreeMap<&'a str, Place<'a>>,
}

#[derive(Serialize)]
struct Place<'a> {
    value: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    msgid: Option<Number>,
}

/// Above 2^53, so some write it as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

impl Wechat {
    /// Sends a message. There is no key that would make a second try harmless, so only what surely was not sent is for
    /// [`MessageVerdict::Later`]. Official page: 发送订阅消息 (subscribeMessage.send).
    pub async fn send_message(&self, appid: &str, message: SubscribeMessage<'_>) -> MessageVerdict {
        let SubscribeMessage { openid, template_id, page, version, texts } = message;
        let data = texts.iter().map(|(place, text)| (place.as_str(), Place { value: text })).collect();
        let ask = Ask { touser: openid, template_id, page, miniprogram_state: version, lang: LANGUAGE, data };
        let path = ["cgi-bin", "message", "subscribe", "send"];
        match self.post_with_token::<Answer>(OPERATION, appid, &path, &ask).await {
            Ok(answer) => MessageVerdict::Sent(match answer.msgid {
                Some(Number::Number(number)) => number.to_string(),
                Some(Number::Text(text)) => text.chars().take(32).collect(),
                None => String::new(),
            }),
            Err(error) => verdict(&error),
        }
    }
}

fn verdict(error: &Error) -> MessageVerdict {
    let (code, cause) = (error.code().to_owned(), error.message().to_owned());
    // Not even the token was there, or nobody was reached: nothing was sent.
    let unsent = error.operation() != OPERATION || [Error::UNREACHABLE, Error::BREAKER].contains(&code.as_str());
    match error.kind() {
        _ if code == "43101" => MessageVerdict::Unsubscribed(code),
        // WeChat's "busy" is an answer: it did not send. So is 43108, two at a time to one person.
        _ if unsent || matches!(code.as_str(), "-1" | "43108") => MessageVerdict::Later(code, cause),
        ErrorKind::TooMany => MessageVerdict::Later(code, cause),
        ErrorKind::Busy => MessageVerdict::Unknown(code, cause),
        _ => MessageVerdict::Refused(code, cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::desk::{APPID, Desk, Signer::Nobody};

    #[tokio::test]
    async fn only_what_surely_was_not_sent_is_for_later() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"access_token":"T1","expires_in":7200}"#, Nobody);
        let text = |text: &str| text.to_owned();
        let texts = BTreeMap::from([(text("thing1"), text("龙井"))]);
        let send = async || {
            let version = "formal";
            let message = SubscribeMessage { openid: "o1", template_id: "T", page: "", version, texts: &texts };
            desk.wechat.send_message(APPID, message).await
        };
        for (status, body, expected) in [
            (200, r#"{"errcode":0,"msgid":294402298110051942}"#, MessageVerdict::Sent(text("294402298110051942"))),
            (200, r#"{"errcode":0,"msgid":"7"}"#, MessageVerdict::Sent(text("7"))),
            (200, r#"{"errcode":0}"#, MessageVerdict::Sent(String::new())),
            (200, r#"{"errcode":43101,"errmsg":"no"}"#, MessageVerdict::Unsubscribed(text("43101"))),
            (200, r#"{"errcode":-1,"errmsg":"busy"}"#, MessageVerdict::Later(text("-1"), text("busy"))),
            (200, r#"{"errcode":43108,"errmsg":"two"}"#, MessageVerdict::Later(text("43108"), text("two"))),
            (200, r#"{"errcode":45009,"errmsg":"many"}"#, MessageVerdict::Later(text("45009"), text("many"))),
            (200, r#"{"errcode":47003,"errmsg":"thing1"}"#, MessageVerdict::Refused(text("47003"), text("thing1"))),
            (200, r#"{"errcode":40037,"errmsg":"id"}"#, MessageVerdict::Refused(text("40037"), text("id"))),
            (502, "", MessageVerdict::Unknown(text("http_502"), String::new())),
            (200, "<html>", MessageVerdict::Unknown(text("unreadable"), String::new())),
        ] {
            desk.say(status, body, Nobody);
            assert_eq!(send().await, expected, "{status} {body}");
        }
    }

    #[tokio::test]
    async fn without_a_token_nothing_was_sent() {
        let desk = Desk::open(false).await;
        desk.say(502, "", Nobody);
        let (version, texts) = ("formal", BTreeMap::new());
        let message = SubscribeMessage { openid: "o1", template_id: "T", page: "", version, texts: &texts };
        let verdict = desk.wechat.send_message(APPID, message).await;
        assert!(matches!(&verdict, MessageVerdict::Later(code, _) if code == "http_502"), "{verdict:?}");
    }
}
