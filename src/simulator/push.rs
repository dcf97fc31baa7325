//! Message push (消息推送): events of this WeChat, sent to the address that the console of a mini-program names, in each of
//! its three modes and both forms.

use super::{
    Error, Simulator, Trick, callback,
    ledger::Record,
    notice::Notice,
    record::{Callback, Payment},
};
use crate::model::time::{Timestamp, minutes};
use crate::wechat::pay::sign::random_text;
use crate::wechat::push::packet::{PushKey, signature};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{collections::HashMap, sync::Mutex, sync::PoisonError};

/// What the console of a mini-program says about its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushTarget {
    /// Where to.
    pub url: String,
    /// Token.
    pub token: String,
    /// `EncodingAESKey`, 43 letters; not needed in plaintext mode.
    #[serde(default)]
    pub aes_key: String,
    /// How it is protected.
    #[serde(default)]
    pub mode: PushMode,
    /// How it is written.
    #[serde(default)]
    pub format: PushFormat,
}

/// 明文模式, 兼容模式, 安全模式.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum PushMode {
    /// As it is.
    Plain,
    /// As it is and sealed beside it.
    Compatible,
    /// Sealed.
    #[default]
    Secure,
}

/// 数据格式.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum PushFormat {
    /// JSON.
    #[default]
    Json,
    /// XML.
    Xml,
}

/// Where each mini-program wants its messages.
#[derive(Debug, Default)]
pub(super) struct Targets(Mutex<HashMap<String, PushTarget>>);

impl Targets {
    pub(super) fn get(&self, appid: &str) -> Option<PushTarget> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(appid).cloned()
    }
}

impl Simulator {
    /// Sets where a mini-program wants its messages, or that it wants none. It is not kept over restarts.
    pub fn push_to(&self, appid: &str, target: Option<PushTarget>) -> Result<(), Error> {
        self.secret_of(appid).ok_or_else(|| Error::missing("appid", appid))?;
        let sealed = target.as_ref().filter(|target| target.mode != PushMode::Plain);
        if sealed.is_some_and(|target| PushKey::new(&target.aes_key).is_err()) {
            return Err(Error::Refused("aes_key must be the 43 letters of EncodingAESKey"));
        }
        let mut targets = self.0.pushes.0.lock().unwrap_or_else(PoisonError::into_inner);
        match target {
            Some(target) => drop(targets.insert(appid.to_owned(), target)),
            None => drop(targets.remove(appid)),
        }
        Ok(())
    }

    /// Plans any event, as if it had happened; `None` when the mini-program wants no messages.
    pub fn push_event(&self, appid: &str, event: &str, from: &str, fields: &Value) -> Result<Option<Callback>, Error> {
        let now = self.now();
        let mut ledger = self.lock();
        let Some(callback) = planned(self, appid, event, from, "", fields, now) else { return Ok(None) };
        ledger.put([Record::Callback(Box::new(callback.clone()))])?;
        drop(ledger);
        self.0.bell.notify_one();
        Ok(Some(callback))
    }
}

/// The push of an event about a payment, if its mini-program wants messages.
pub(super) fn event(
    simulator: &Simulator,
    payment: &Payment,
    name: &str,
    fields: &Value,
    now: Timestamp,
) -> Option<Record> {
    let callback = planned(simulator, &payment.appid, name, &payment.openid, &payment.out_trade_no, fields, now)?;
    Some(Record::Callback(Box::new(callback)))
}

/// The push of an event of somebody, if their mini-program wants messages.
pub(super) fn event_of(
    simulator: &Simulator,
    appid: &str,
    name: &str,
    openid: &str,
    fields: &Value,
    now: Timestamp,
) -> Option<Record> {
    planned(simulator, appid, name, openid, "", fields, now).map(|callback| Record::Callback(Box::new(callback)))
}

/// Items as WeChat lists them: in JSON one stands for itself, in XML they are within an element of the event.
pub(super) fn list_of(simulator: &Simulator, appid: &str, event: &str, mut items: Vec<Value>) -> Value {
    let list = if items.len() == 1 { items.remove(0) } else { Value::Array(items) };
    let around = match event {
        "subscribe_msg_popup_event" => "SubscribeMsgPopupEvent",
        "subscribe_msg_change_event" => "SubscribeMsgChangeEvent",
        _ => "SubscribeMsgSentEvent",
    };
    let xml = simulator.0.pushes.get(appid).is_some_and(|target| target.format == PushFormat::Xml);
    if xml { json!({ around: { "List": list } }) } else { json!({ "List": list }) }
}

fn planned(
    simulator: &Simulator,
    appid: &str,
    event: &str,
    from: &str,
    subject: &str,
    fields: &Value,
    now: Timestamp,
) -> Option<Callback> {
    let target = simulator.0.pushes.get(appid)?;
    let mut said = Map::new();
    said.insert("ToUserName".to_owned(), json!(format!("gh_{}", &appid[appid.len().saturating_sub(12)..])));
    said.insert("FromUserName".to_owned(), json!(from));
    said.insert("CreateTime".to_owned(), json!(now.seconds()));
    said.insert("MsgType".to_owned(), json!("event"));
    said.insert("Event".to_owned(), json!(event));
    said.extend(fields.as_object().cloned().unwrap_or_default());
    let mut callback = callback::planned(simulator, event, subject, &target.url, Value::Object(said), now);
    callback.appid = Some(appid.to_owned());
    Some(callback)
}

/// A message as it goes over the wire, on demand wrong in a particular way. What a trick means for a notice of the pay
/// interface it means here as nearly as can be.
pub(super) fn draw(simulator: &Simulator, callback: &Callback, appid: &str, trick: Trick) -> Notice {
    let target = simulator.0.pushes.get(appid).unwrap_or_else(|| PushTarget {
        url: callback.url.clone(),
        token: String::new(),
        aes_key: String::new(),
        mode: PushMode::Plain,
        format: PushFormat::Json,
    });
    let age = if trick == Trick::Stale { minutes(60) } else { minutes(0) };
    let (timestamp, nonce) = (simulator.now().minus(age).seconds().to_string(), random_text(10));
    let foreign = matches!(trick, Trick::ForeignKey | Trick::UnknownSerial | Trick::SignTest);
    let token = if foreign { "somebodyelse" } else { target.token.as_str() };
    let plain = written(&callback.resource, target.format);
    let mut query = vec![("timestamp", timestamp.clone()), ("nonce", nonce.clone())];
    let mut proof = signature(&[token, &timestamp, &nonce]);
    let mut body = plain.clone();
    if target.mode != PushMode::Plain
        && let Some(mut packet) = packet(&target, &plain, appid)
    {
        let mut over_packet = signature(&[token, &timestamp, &nonce, &packet]);
        match trick {
            Trick::Tampered => packet = exchanged(&packet),
            Trick::Unsigned => over_packet.clear(),
            _ => {}
        }
        let mut outer = json!({ "ToUserName": callback.resource["ToUserName"] });
        if target.mode == PushMode::Compatible {
            outer = callback.resource.clone();
        }
        outer["Encrypt"] = json!(packet);
        body = written(&outer, target.format);
        query.push(("encrypt_type", "aes".to_owned()));
        query.push(("msg_signature", over_packet));
    } else if trick == Trick::Tampered {
        // Nothing covers the body in this mode: only what is covered can be altered and noticed.
        proof = exchanged(&proof);
    }
    if trick != Trick::Unsigned {
        query.push(("signature", proof));
    }
    query.push(("openid", callback.resource["FromUserName"].as_str().unwrap_or_default().to_owned()));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let joint = if target.url.contains('?') { '&' } else { '?' };
    let kind = if target.format == PushFormat::Xml { "text/xml" } else { "application/json" };
    Notice {
        url: format!("{}{joint}{query}", target.url),
        headers: vec![("content-type".to_owned(), kind.to_owned()), ("accept".to_owned(), "*/*".to_owned())],
        body: body.into_bytes(),
        serial: String::new(),
    }
}

fn packet(target: &PushTarget, plain: &str, appid: &str) -> Option<String> {
    let mut random = [0; 16];
    random.copy_from_slice(random_text(16).as_bytes());
    PushKey::new(&target.aes_key).and_then(|key| key.seal(random, plain.as_bytes(), appid)).ok()
}

/// The same text with another symbol in its middle.
fn exchanged(text: &str) -> String {
    let middle = text.len() / 2;
    let other = |(place, symbol): (usize, char)| match symbol {
        symbol if place != middle => symbol,
        'a' => 'b',
        _ => 'a',
    };
    text.chars().enumerate().map(other).collect()
}

/// A message in one of the two forms.
fn written(message: &Value, format: PushFormat) -> String {
    match format {
        PushFormat::Json => message.to_string(),
        PushFormat::Xml => format!("<xml>{}</xml>", elements(message)),
    }
}

fn elements(message: &Value) -> String {
    let mut text = String::new();
    for (name, value) in message.as_object().into_iter().flatten() {
        element(name, value, &mut text);
    }
    text
}

/// A list is its elements one after the other, all of the same name.
fn element(name: &str, value: &Value, text: &mut String) {
    if let Value::Array(all) = value {
        return all.iter().for_each(|one| element(name, one, text));
    }
    let inner = match value {
        Value::String(words) => format!("<![CDATA[{}]]>", words.replace("]]>", "]]]]><![CDATA[>")),
        Value::Object(_) => elements(value),
        other => other.to_string(),
    };
    text.extend(["<", name, ">", &inner, "</", name, ">"]);
}

#[cfg(test)]
mod tests {
    use super::super::test::{APPID, Merchant};
    use super::*;
    use crate::wechat::push::packet::is_signed;

    const AES_KEY: &str = "kQ3vX8mB1nZ6cR5tY7uW2eP9aS4dF0gHjLkMoIpUqTz";

    fn target(mode: PushMode, format: PushFormat) -> PushTarget {
        let url = "http://127.0.0.1:1/push".to_owned();
        PushTarget { url, token: "pushtoken".to_owned(), aes_key: AES_KEY.to_owned(), mode, format }
    }

    /// The words of the address, and the body.
    fn sent(merchant: &Merchant, trick: Trick) -> (HashMap<String, String>, String) {
        let notice = merchant.notice(trick);
        let (_, query) = notice.url.split_once('?').expect("query");
        let words = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        (words, String::from_utf8(notice.body).expect("text"))
    }

    #[tokio::test]
    async fn a_message_is_signed_and_sealed_as_its_mode_says() {
        let merchant = Merchant::new();
        assert_eq!(merchant.simulator.push_event(APPID, "e", "o1", &json!({})).expect("planned"), None);
        for format in [PushFormat::Json, PushFormat::Xml] {
            for mode in [PushMode::Plain, PushMode::Compatible, PushMode::Secure] {
                merchant.simulator.push_to(APPID, Some(target(mode, format))).expect("target");
                merchant.simulator.push_event(APPID, "e", "o1", &json!({ "msg": "a]]>b", "n": 7 })).expect("planned");
                let (words, body) = sent(&merchant, Trick::None);
                let parts = ["pushtoken", words["timestamp"].as_str(), words["nonce"].as_str()];
                assert!(is_signed(&parts, &words["signature"]), "{mode:?} {format:?}");
                assert_eq!(
                    body.contains("<Event><![CDATA[e]]>") || body.contains("\"Event\":\"e\""),
                    mode != PushMode::Secure
                );
                assert_eq!(words.contains_key("msg_signature"), mode != PushMode::Plain);
                if mode != PushMode::Plain {
                    let rest = body.split("Encrypt").nth(1).expect("packet");
                    let packet =
                        rest.trim_start_matches(|symbol: char| !symbol.is_alphanumeric() && !"+/".contains(symbol));
                    let packet = packet.trim_start_matches("CDATA[").split(['"', ']']).next().expect("packet");
                    let signed = [parts[0], parts[1], parts[2], packet];
                    assert!(is_signed(&signed, &words["msg_signature"]), "{body}");
                    let message = PushKey::new(AES_KEY).expect("key").open(packet, APPID).expect("opens");
                    assert!(String::from_utf8(message).expect("text").contains("CreateTime"));
                }
                for trick in [Trick::ForeignKey, Trick::Unsigned, Trick::Tampered] {
                    let (words, _) = sent(&merchant, trick);
                    let parts = ["pushtoken", words["timestamp"].as_str(), words["nonce"].as_str()];
                    let proved = words.get("signature").is_some_and(|said| is_signed(&parts, said));
                    assert_eq!(proved, trick == Trick::Tampered && mode != PushMode::Plain, "{trick:?} {mode:?}");
                }
            }
        }
        let bad = PushTarget { aes_key: "short".to_owned(), ..target(PushMode::Secure, PushFormat::Json) };
        assert!(merchant.simulator.push_to(APPID, Some(bad)).is_err());
        assert!(merchant.simulator.push_to("wxother", None).is_err());
    }

    #[tokio::test]
    async fn a_message_is_tried_three_times() {
        let merchant = Merchant::new();
        merchant.simulator.push_to(APPID, Some(target(PushMode::Secure, PushFormat::Json))).expect("target");
        merchant.simulator.push_event(APPID, "e", "o1", &json!({})).expect("planned");
        for _ in 0..3 {
            assert_eq!(merchant.simulator.deliver_due().await.expect("sent"), 1);
            merchant.clock.advance(std::time::Duration::from_secs(5));
        }
        assert_eq!(merchant.simulator.deliver_due().await.expect("given up"), 0);
        assert_eq!(merchant.simulator.callbacks()[0].attempts.len(), 3);
    }
}
