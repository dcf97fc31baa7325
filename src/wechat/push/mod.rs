//! Message push (消息推送): what WeChat tells a mini-program, proved by a token and, in secure mode, sealed.
//!
//! With an `EncodingAESKey` in the settings only sealed messages are taken, in secure and in compatible mode: `signature`
//! does not cover the body, so whoever saw one could send any plaintext. Without a key the mode is plaintext.
//!
//! **How to add an event:** a file with its typed form and how it is read from a [`Content`]; `service::push` says what
//! it does.

mod content;
mod media;
pub mod packet;
mod subscribe;
mod trade;

pub use content::Content;
pub use media::MediaEvent;
pub use subscribe::{Answer, Delivery, SubscribeEvent};
pub use trade::{Trade, TradeEvent};

use super::{App, Wechat};
use crate::model::time::{Timestamp, minutes};
use aws_lc_rs::digest;
use packet::is_signed;
use serde::Deserialize;
use std::time::Duration;

/// How far the time of a message may lie from ours, either way: what is older was sent by somebody who kept it.
const AGE_MAX: Duration = minutes(15);

/// What stands in the query of a call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PushQuery {
    /// Over token, timestamp and nonce.
    pub signature: String,
    /// Over these and the packet.
    pub msg_signature: String,
    /// In seconds since 1970.
    pub timestamp: String,
    /// Any text.
    pub nonce: String,
    /// To be sent back when the address is verified.
    pub echostr: String,
}

/// A message of WeChat.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The event, or the sort of message (`MsgType`) when it is none.
    pub event: String,
    /// What it says.
    pub content: Content,
    /// The same for each delivery of this message and for no other: hexadecimal SHA-256.
    pub dedupe_key: String,
}

/// Why a call is not WeChat's, or says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushRefusal {
    /// No such mini-program here, or it takes no messages.
    AppUnknown,
    /// Too old, or from the future.
    Stale,
    /// The signature is not that of our token.
    Signature,
    /// A plaintext where only sealed messages are taken.
    NotSealed,
    /// It does not open, or is for another mini-program.
    Packet,
    /// Neither JSON nor XML with fields.
    Unreadable,
}

impl PushRefusal {
    /// The status to answer with.
    pub const fn status(self) -> u16 {
        match self {
            Self::AppUnknown => 404,
            Self::Stale | Self::Signature => 401,
            Self::NotSealed | Self::Packet | Self::Unreadable => 400,
        }
    }
    /// A word for the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppUnknown => "appid",
            Self::Stale => "timestamp",
            Self::Signature => "signature",
            Self::NotSealed => "not_sealed",
            Self::Packet => "packet",
            Self::Unreadable => "body",
        }
    }
}

impl Wechat {
    fn push_app(&self, appid: &str, query: &PushQuery) -> Result<&App, PushRefusal> {
        let app = self.0.apps.get(appid).filter(|app| !app.push_token.is_empty()).ok_or(PushRefusal::AppUnknown)?;
        let seconds = query.timestamp.parse::<i64>().ok().filter(|seconds| (0..1 << 40).contains(seconds));
        let (said, now) = (Timestamp::from_seconds(seconds.ok_or(PushRefusal::Stale)?), self.0.clock.now());
        let fresh = now.since(said) <= AGE_MAX && said.since(now) <= AGE_MAX;
        if fresh { Ok(app) } else { Err(PushRefusal::Stale) }
    }

    /// Whether somebody who knows the token verifies the address. Official page: 消息推送, 验证消息来自微信服务器.
    pub fn verify_push_address(&self, appid: &str, query: &PushQuery) -> Result<(), PushRefusal> {
        let app = self.push_app(appid, query)?;
        let signed = is_signed(&[app.push_token.expose(), &query.timestamp, &query.nonce], &query.signature);
        if signed { Ok(()) } else { Err(PushRefusal::Signature) }
    }

    /// Checks that a message is WeChat's and reads it. The body is the raw bytes as they came.
    pub fn open_push(&self, appid: &str, query: &PushQuery, body: &[u8]) -> Result<Message, PushRefusal> {
        let app = self.push_app(appid, query)?;
        let (token, PushQuery { timestamp, nonce, .. }) = (app.push_token.expose(), query);
        let Some(key) = &app.push_key else {
            if !is_signed(&[token, timestamp, nonce], &query.signature) {
                return Err(PushRefusal::Signature);
            }
            return message(appid, body);
        };
        let outer = Content::read(body).ok_or(PushRefusal::Unreadable)?;
        let packet = outer.text("Encrypt").ok_or(PushRefusal::NotSealed)?;
        if !is_signed(&[token, timestamp, nonce, &packet], &query.msg_signature) {
            return Err(PushRefusal::Signature);
        }
        message(appid, &key.open(&packet, appid).map_err(|_| PushRefusal::Packet)?)
    }
}

fn message(appid: &str, bytes: &[u8]) -> Result<Message, PushRefusal> {
    let content = Content::read(bytes).ok_or(PushRefusal::Unreadable)?;
    let field = |name: &str| content.text(name).unwrap_or_default();
    let event = content.text("Event").or_else(|| content.text("MsgType")).ok_or(PushRefusal::Unreadable)?;
    let told_apart = if let Some(id) = content.text("MsgId") {
        vec!["id".to_owned(), id]
    } else {
        // Two events of one user within a second are two: what they say belongs to the key.
        let body = hex::encode(digest::digest(&digest::SHA256, bytes));
        vec![event.clone(), field("FromUserName"), field("CreateTime"), body]
    };
    let key = serde_json::to_vec(&(appid, told_apart)).unwrap_or_default();
    let dedupe_key = hex::encode(digest::digest(&digest::SHA256, &key));
    Ok(Message { event, content, dedupe_key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Clock;
    use crate::wechat::desk::{APPID, Desk, PUSH_AES_KEY, PUSH_TOKEN, SEALED_APPID};
    use packet::{PushKey, signature};

    const EVENT: &str = r#"{"FromUserName":"o1","CreateTime":1700000000,"MsgType":"event","Event":"e"}"#;

    fn query(desk: &Desk, packet: Option<&str>) -> PushQuery {
        let (timestamp, nonce) = (desk.clock.now().seconds().to_string(), "n".to_owned());
        PushQuery {
            signature: signature(&[PUSH_TOKEN, &timestamp, &nonce]),
            msg_signature: packet.map_or_else(String::new, |it| signature(&[PUSH_TOKEN, &timestamp, &nonce, it])),
            timestamp,
            nonce,
            echostr: String::new(),
        }
    }

    #[tokio::test]
    async fn a_plain_message_is_taken_by_its_signature_while_it_is_fresh() {
        let desk = Desk::open(false).await;
        let good = query(&desk, None);
        assert_eq!(desk.wechat.open_push(APPID, &good, EVENT.as_bytes()).expect("open").event, "e");
        assert_eq!(desk.wechat.verify_push_address(APPID, &good), Ok(()));
        let refused = |query: &PushQuery| desk.wechat.open_push(APPID, query, EVENT.as_bytes()).expect_err("refused");
        assert_eq!(refused(&PushQuery { signature: "0".repeat(40), ..good.clone() }), PushRefusal::Signature);
        assert_eq!(refused(&PushQuery { nonce: "m".into(), ..good.clone() }), PushRefusal::Signature);
        for timestamp in ["", "x", "-1", "99999999999999999999"] {
            assert_eq!(refused(&PushQuery { timestamp: timestamp.into(), ..good.clone() }), PushRefusal::Stale);
        }
        let unknown = desk.wechat.open_push("wx0000000000000009", &good, EVENT.as_bytes());
        assert_eq!(unknown.expect_err("refused"), PushRefusal::AppUnknown);
        for body in ["", "[]", "{}", r#"{"CreateTime":1}"#] {
            let unread = desk.wechat.open_push(APPID, &good, body.as_bytes());
            assert_eq!(unread.expect_err("refused"), PushRefusal::Unreadable, "{body}");
        }
        desk.clock.advance(AGE_MAX + Duration::from_secs(1));
        assert_eq!(refused(&good), PushRefusal::Stale);
        assert_eq!(desk.wechat.verify_push_address(APPID, &good), Err(PushRefusal::Stale));
    }

    #[tokio::test]
    async fn with_a_key_only_what_is_sealed_is_taken_in_either_mode_and_form() {
        let desk = Desk::open(false).await;
        let key = PushKey::new(PUSH_AES_KEY).expect("key");
        let packet = key.seal([1; 16], EVENT.as_bytes(), SEALED_APPID).expect("seal");
        let good = query(&desk, Some(&packet));
        let open = |query: &PushQuery, body: &str| desk.wechat.open_push(SEALED_APPID, query, body.as_bytes());
        let secure = format!(r#"{{"ToUserName":"gh","Encrypt":"{packet}"}}"#);
        let compatible = format!(r#"{{"Event":"forged","MsgType":"event","Encrypt":"{packet}"}}"#);
        let xml = format!("<xml><ToUserName>gh</ToUserName><Encrypt><![CDATA[{packet}]]></Encrypt></xml>");
        let keys = [&secure, &compatible, &xml].map(|body| open(&good, body).expect("open"));
        assert!(keys.iter().all(|message| message.event == "e" && message.dedupe_key == keys[0].dedupe_key));
        assert_eq!(open(&good, EVENT).expect_err("plain"), PushRefusal::NotSealed);
        // Rightly signed but for the packet: what `signature` alone proves is not enough.
        let unsigned = PushQuery { msg_signature: good.signature.clone(), ..good.clone() };
        assert_eq!(open(&unsigned, &secure).expect_err("unsigned"), PushRefusal::Signature);
        let other = key.seal([1; 16], EVENT.as_bytes(), APPID).expect("seal");
        let body = format!(r#"{{"Encrypt":"{other}"}}"#);
        assert_eq!(open(&query(&desk, Some(&other)), &body).expect_err("foreign"), PushRefusal::Packet);
        assert_eq!(open(&good, &body).expect_err("exchanged"), PushRefusal::Signature);
    }

    #[test]
    fn a_key_tells_messages_apart_and_deliveries_not() {
        let key = |text: &str| message(APPID, text.as_bytes()).expect("message").dedupe_key;
        let with_id = r#"{"MsgType":"text","MsgId":23,"FromUserName":"o1","CreateTime":1}"#;
        assert_eq!(key(with_id), key(r#"{"MsgType":"text","MsgId":"23","FromUserName":"o1","CreateTime":2}"#));
        assert_ne!(key(EVENT), key(&EVENT.replace("\"e\"", "\"f\"")));
        assert_ne!(key(EVENT), key(&EVENT.replace('}', ",\"x\":1}")));
        assert_ne!(key(EVENT), message("wx2", EVENT.as_bytes()).expect("message").dedupe_key);
    }
}
