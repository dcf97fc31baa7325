//! Subscribe messages and content checks: what a backend sends and asks besides money.

use super::{Answer, Errcode, Words, read, token};
use crate::simulator::{
    Simulator,
    keys::digits,
    ledger::{Ledger, Record},
    push,
    record::Message,
    subscription,
};
use crate::wechat::pay::sign::random_text;
use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// A text that contains this is risky, one that contains the other wants a human eye.
const RISKY_WORD: &str = "违规";
const REVIEW_WORD: &str = "疑似";

/// Whose openid that is within that mini-program: 40003 for anybody else.
pub(super) fn check_openid(ledger: &Ledger, appid: &str, openid: &str) -> Result<(), Errcode> {
    let user = ledger.user_of_openid(openid).ok_or(Errcode(40003))?;
    let fits = user.accounts.get(appid).is_some_and(|account| account.openid == openid);
    if fits { Ok(()) } else { Err(Errcode(40003)) }
}

#[derive(Deserialize)]
struct AskMessage {
    touser: String,
    template_id: String,
    #[serde(default)]
    page: Option<String>,
    data: BTreeMap<String, AskValue>,
    #[serde(default)]
    miniprogram_state: Option<String>,
    #[serde(default)]
    lang: Option<String>,
}

#[derive(Deserialize)]
struct AskValue {
    value: String,
}

/// `sendMessage` of subscribe messages: each uses up one consent, without one it is 43101. WeChat tells the backend what
/// became of it by `subscribe_msg_sent_event`.
pub(super) async fn send(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let appid = token::check(&simulator, &words)?;
    let ask: AskMessage = read(&body)?;
    let known = |value: &Option<String>, all: &[&str]| value.as_ref().is_none_or(|value| all.contains(&value.as_str()));
    if ask.template_id.is_empty() {
        return Err(Errcode(40037));
    }
    let fits = known(&ask.miniprogram_state, &["developer", "trial", "formal"])
        && known(&ask.lang, &["zh_CN", "en_US", "zh_HK", "zh_TW"])
        && ask.data.iter().all(|(name, value)| fits_kind(name, &value.value));
    if !fits {
        return Err(Errcode(47003));
    }
    let now = simulator.now();
    let mut ledger = simulator.lock();
    check_openid(&ledger, &appid, &ask.touser)?;
    let used = subscription::use_one(&ledger, &appid, &ask.touser, &ask.template_id).ok_or(Errcode(43101))?;
    // Above 2^53, as the real ones are: whoever reads it as a float loses digits.
    let id = format!("29{}", digits(16));
    let message = Message {
        id: id.clone(),
        appid,
        openid: ask.touser,
        template_id: ask.template_id,
        page: ask.page,
        data: ask.data.into_iter().map(|(name, value)| (name, value.value)).collect(),
        created_ms: now,
    };
    let event = "subscribe_msg_sent_event";
    let item = json!({ "TemplateId": message.template_id, "MsgID": id, "ErrorCode": "0", "ErrorStatus": "success" });
    let fields = push::list_of(&simulator, &message.appid, event, vec![item]);
    let told = push::event_of(&simulator, &message.appid, event, &message.openid, &fields, now);
    ledger.put([used, Record::Message(Box::new(message))].into_iter().chain(told))?;
    drop(ledger);
    simulator.0.bell.notify_one();
    Ok(Json(json!({ "errcode": 0, "errmsg": "ok", "msgid": id.parse::<u64>().unwrap_or_default() })))
}

/// The limits of a value by the kind its name begins with. Official page: 订阅消息参数值内容限制说明.
fn fits_kind(name: &str, value: &str) -> bool {
    let length = value.chars().count();
    let ascii = value.bytes().all(|symbol| symbol.is_ascii_graphic() || symbol == b' ');
    let wide = !value.is_ascii();
    let kind = name.trim_end_matches(|symbol: char| symbol.is_ascii_digit());
    if length == 0 {
        return false;
    }
    match kind {
        "thing" => length <= 20,
        "number" => length <= 32 && value.bytes().all(|symbol| symbol.is_ascii_digit() || symbol == b'.'),
        "letter" => length <= 32 && value.bytes().all(|symbol| symbol.is_ascii_alphabetic()),
        "symbol" => length <= 5,
        "character_string" => length <= 32 && ascii,
        "amount" => length <= 13 && value.bytes().any(|symbol| symbol.is_ascii_digit()),
        "phone_number" => length <= 17 && ascii,
        "car_number" => length <= 8,
        "name" => length <= if wide { 10 } else { 20 },
        "phrase" => length <= 5 && value.chars().all(|symbol| !symbol.is_ascii()),
        "time" | "date" => value.bytes().any(|symbol| symbol.is_ascii_digit()),
        "enum" => true,
        _ => false,
    }
}

#[derive(Deserialize)]
struct AskCheck {
    content: String,
    version: i64,
    scene: i64,
    openid: String,
}

/// `msgSecCheck` version 2: texts with 违规 are risky, with 疑似 to be reviewed, all others pass.
pub(super) async fn check_text(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let appid = token::check(&simulator, &words)?;
    let ask: AskCheck = read(&body)?;
    if ask.version != 2 || !(1..=4).contains(&ask.scene) || ask.content.chars().count() > 2500 {
        return Err(Errcode(40129));
    }
    check_openid(&simulator.lock(), &appid, &ask.openid)?;
    let (suggest, label) = match &ask.content {
        text if text.contains(RISKY_WORD) => ("risky", 20006),
        text if text.contains(REVIEW_WORD) => ("review", 21000),
        _ => ("pass", 100),
    };
    Ok(Json(json!({
        "errcode": 0,
        "errmsg": "ok",
        "trace_id": random_text(32).to_lowercase(),
        "result": { "suggest": suggest, "label": label },
        "detail": [{ "strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label, "prob": 90 }],
    })))
}

#[cfg(test)]
mod tests {
    use super::super::token::tests::stable;
    use super::*;
    use crate::simulator::{
        SubscribeTap,
        test::{APPID, Merchant},
    };
    use serde_json::Value;

    #[tokio::test]
    async fn messages_and_texts_are_checked() {
        let merchant = Merchant::new();
        let token = stable(&merchant, false).await["access_token"].as_str().expect("token").to_owned();
        let post =
            async |path: &str, body: Value| merchant.plain("POST", &format!("{path}?access_token={token}"), body).await;
        let message = |openid: &str, name: &str, value: &str| json!({ "touser": openid, "template_id": "T1", "data": { name: { "value": value } } });
        let openid = merchant.openid.as_str();
        let tap =
            SubscribeTap { appid: APPID.into(), template_ids: vec!["T1".into()], accept: true, in_settings: false };
        let answer = merchant.simulator.subscribe("amy", &tap).expect("answered");
        assert_eq!(answer, json!({ "T1": "accept", "errMsg": "requestSubscribeMessage:ok" }));
        for (body, code) in [
            (message(openid, "thing1", "已发货"), 0),
            (message(openid, "thing1", "已发货"), 43101),
            (message("oNobody", "thing1", "已发货"), 40003),
            (message(openid, "thing1", &"长".repeat(21)), 47003),
            (message(openid, "phrase2", "paid"), 47003),
            (message(openid, "what", "x"), 47003),
        ] {
            let reply = post("/cgi-bin/message/subscribe/send", body.clone()).await;
            assert_eq!(reply.json["errcode"], code, "{body}");
        }
        let sent = merchant.simulator.messages();
        assert_eq!((sent.len(), sent[0].appid.as_str(), sent[0].data["thing1"].as_str()), (1, APPID, "已发货"));
        for (text, suggest) in [("你好", "pass"), ("这是违规内容", "risky"), ("疑似广告", "review")] {
            let ask = json!({ "content": text, "version": 2, "scene": 2, "openid": openid });
            assert_eq!(post("/wxa/msg_sec_check", ask).await.json["result"]["suggest"], suggest);
        }
    }
}
