//! What users answer when they are asked for leave to send them messages, and what became of a message. Official page:
//! 小程序订阅消息, 事件推送.

use super::Content;

/// What a user answered when asked for leave to send by a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One message may be sent.
    Accept,
    /// None.
    Reject,
}

impl Answer {
    /// From what `wx.requestSubscribeMessage` gave or `SubscribeStatusString` says. What is filtered or banned was not asked.
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "accept" | "acceptWithAudio" | "acceptWithAlert" | "acceptWithForcePush" => Some(Self::Accept),
            "reject" => Some(Self::Reject),
            _ => None,
        }
    }
}

/// An event about subscribe messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscribeEvent {
    /// `subscribe_msg_popup_event`: a user was asked, and answered for each of these templates.
    Answered(Vec<(String, Answer)>),
    /// `subscribe_msg_change_event`: a user changed it in the settings.
    Changed(Vec<(String, Answer)>),
    /// `subscribe_msg_sent_event`: what became of what WeChat had taken.
    Delivered(Vec<Delivery>),
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// WeChat's number of it.
    pub msgid: String,
    /// Why it was not delivered; absent when it was.
    pub failure: Option<(String, String)>,
}

impl SubscribeEvent {
    /// The events that [`read`](Self::read) knows.
    pub const NAMES: [&str; 3] =
        ["subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event"];

    /// Reads an event of one of these names; `None` for another, or without anything in it. An item that says nothing
    /// is passed over.
    pub fn read(event: &str, content: &Content) -> Option<Self> {
        let place = Self::NAMES.iter().position(|name| *name == event)?;
        // In XML the list is within a field of its own.
        let around = ["SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent"][place];
        let within = content.within(around);
        let items = within.as_ref().unwrap_or(content).list("List");
        if items.is_empty() {
            return None;
        }
        let answer =
            |item: &Content| Some((item.text("TemplateId")?, Answer::read(&item.text("SubscribeStatusString")?)?));
        Some(match place {
            0 => Self::Answered(items.iter().filter_map(answer).collect()),
            1 => Self::Changed(items.iter().filter_map(answer).collect()),
            _ => Self::Delivered(items.iter().filter_map(delivery).collect()),
        })
    }
}

fn delivery(item: &Content) -> Option<Delivery> {
    let code = item.text("ErrorCode").filter(|code| code != "0");
    let failure = code.map(|code| (code, item.text("ErrorStatus").unwrap_or_default()));
    Some(Delivery { msgid: item.text("MsgID")?, failure })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str, text: &str) -> Option<SubscribeEvent> {
        SubscribeEvent::read(event, &Content::read(text.as_bytes()).expect("content"))
    }

    #[test]
    fn one_item_or_several_in_json_or_xml_are_a_list() {
        let said = |all: &[(&str, Answer)]| all.iter().map(|(id, answer)| ((*id).to_owned(), *answer)).collect();
        let name = "subscribe_msg_popup_event";
        let one = r#"{"List":{"TemplateId":"A","SubscribeStatusString":"accept","PopupScene":"0"}}"#;
        assert_eq!(read(name, one), Some(SubscribeEvent::Answered(said(&[("A", Answer::Accept)]))));
        let both = said(&[("A", Answer::Accept), ("B", Answer::Reject)]);
        let several = r#"{"List":[{"TemplateId":"A","SubscribeStatusString":"accept"},{"TemplateId":"C"},
            {"TemplateId":"B","SubscribeStatusString":"reject","PopupScene":0}]}"#;
        assert_eq!(read(name, several), Some(SubscribeEvent::Answered(both)));
        let item = |id: &str, word: &str| {
            let (id, word) = (
                format!("<TemplateId><![CDATA[{id}]]></TemplateId>"),
                format!("<SubscribeStatusString>{word}</SubscribeStatusString>"),
            );
            format!("<List>{id}{word}</List>")
        };
        let xml = format!(
            "<xml><SubscribeMsgPopupEvent>{}{}</SubscribeMsgPopupEvent></xml>",
            item("A", "accept"),
            item("B", "reject")
        );
        let both = said(&[("A", Answer::Accept), ("B", Answer::Reject)]);
        assert_eq!(read(name, &xml), Some(SubscribeEvent::Answered(both)));
        let xml = format!("<xml><SubscribeMsgChangeEvent>{}</SubscribeMsgChangeEvent></xml>", item("B", "reject"));
        let changed = SubscribeEvent::Changed(said(&[("B", Answer::Reject)]));
        assert_eq!(read("subscribe_msg_change_event", &xml), Some(changed));
        assert_eq!(read(name, "{}"), None);
        assert_eq!(read("subscribe", one), None);
    }

    #[test]
    fn what_was_not_delivered_says_why() {
        let name = "subscribe_msg_sent_event";
        let delivered = |failure: Option<(&str, &str)>| {
            let failure = failure.map(|(code, why)| (code.to_owned(), why.to_owned()));
            Some(SubscribeEvent::Delivered(vec![Delivery { msgid: "1864323726461255680".to_owned(), failure }]))
        };
        let json = |code: &str| {
            format!(
                r#"{{"List":{{"TemplateId":"A","MsgID":"1864323726461255680","ErrorCode":{code},"ErrorStatus":"failed"}}}}"#
            )
        };
        assert_eq!(read(name, &json("\"0\"")), delivered(None));
        assert_eq!(read(name, &json("0")), delivered(None));
        assert_eq!(read(name, &json("\"20001\"")), delivered(Some(("20001", "failed"))));
        let numeric = r#"{"List":{"MsgID":1864323726461255680,"ErrorCode":0}}"#;
        assert_eq!(read(name, numeric), delivered(None));
    }

    #[test]
    fn only_leave_that_was_given_is_leave() {
        for (word, answer) in [
            ("accept", Some(Answer::Accept)),
            ("acceptWithAlert", Some(Answer::Accept)),
            ("reject", Some(Answer::Reject)),
            ("ban", None),
            ("filter", None),
            ("", None),
        ] {
            assert_eq!(Answer::read(word), answer);
        }
    }
}
