//! What users answer when a mini-program asks for leave to send them messages (`wx.requestSubscribeMessage`).

use super::{
    Error, Simulator,
    ledger::{Ledger, Record},
    push,
    record::Subscription,
    user::with_account,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What a client is asked at once, at most.
const TEMPLATES_MAX: usize = 5;

/// A user's tap.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscribeTap {
    /// In which mini-program.
    pub appid: String,
    /// `tmplIds`.
    pub template_ids: Vec<String>,
    /// Whether they agree.
    pub accept: bool,
    /// Not asked by the mini-program, but changed in its settings page: a refusal there takes back what was agreed to.
    #[serde(default)]
    pub in_settings: bool,
}

impl Simulator {
    /// Somebody answers; gives what `wx.requestSubscribeMessage` hands to the client. WeChat tells the backend too, by
    /// `subscribe_msg_popup_event` or `subscribe_msg_change_event`, where it wants messages.
    pub fn subscribe(&self, user: &str, tap: &SubscribeTap) -> Result<Value, Error> {
        let SubscribeTap { appid, template_ids, accept, in_settings } = tap;
        self.secret_of(appid).ok_or_else(|| Error::missing("appid", appid))?;
        if !(1..=TEMPLATES_MAX).contains(&template_ids.len()) || template_ids.iter().any(String::is_empty) {
            return Err(Error::Refused("1 to 5 template ids are expected"));
        }
        let (now, word) = (self.now(), if *accept { "accept" } else { "reject" });
        let mut ledger = self.lock();
        let openid = with_account(&mut ledger, appid, user)?.accounts[appid].openid.clone();
        let mut records = Vec::new();
        for template_id in template_ids {
            let known = ledger.subscription(appid, &openid, template_id).map_or(0, |row| row.left);
            let left = match (accept, in_settings) {
                (true, false) => known + 1,
                (false, true) => 0,
                // To refuse when asked takes back nothing; to agree in the settings gives nothing by itself.
                _ => known,
            };
            let (appid, openid, template_id) = (appid.clone(), openid.clone(), template_id.clone());
            records.push(Record::Subscription(Subscription { appid, openid, template_id, left }));
        }
        // Of the changes in the settings only refusals are told.
        let event = match (in_settings, accept) {
            (false, _) => Some("subscribe_msg_popup_event"),
            (true, false) => Some("subscribe_msg_change_event"),
            (true, true) => None,
        };
        if let Some(event) = event {
            let item = |id: &String| {
                let mut item = json!({ "TemplateId": id, "SubscribeStatusString": word });
                if !in_settings {
                    item["PopupScene"] = json!("0");
                }
                item
            };
            let fields = push::list_of(self, appid, event, template_ids.iter().map(item).collect());
            records.extend(push::event_of(self, appid, event, &openid, &fields, now));
        }
        ledger.put(records)?;
        drop(ledger);
        self.0.bell.notify_one();
        let mut result: Map<String, Value> = template_ids.iter().map(|id| (id.clone(), json!(word))).collect();
        result.insert("errMsg".to_owned(), json!("requestSubscribeMessage:ok"));
        Ok(Value::Object(result))
    }
}

/// Uses up one consent: the row to be kept, or `None` when there is none left.
pub(super) fn use_one(ledger: &Ledger, appid: &str, openid: &str, template_id: &str) -> Option<Record> {
    let row = ledger.subscription(appid, openid, template_id).filter(|row| row.left > 0)?;
    Some(Record::Subscription(Subscription { left: row.left - 1, ..row.clone() }))
}
