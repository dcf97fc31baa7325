//! What WeChat thinks of a picture that it was asked to look at (音视频内容安全识别, 异步检测结果推送).

use super::Content;
use crate::wechat::security::Suggestion;

/// The answer to a question of [`check_picture`](crate::wechat::Wechat::check_picture).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaEvent {
    /// Which question.
    pub trace_id: String,
    /// What WeChat advises; absent when it did not look, for want of the picture (-1008) or for a reason of its own.
    pub suggestion: Option<Suggestion>,
    /// What it saw: 100 nothing, 20002 pornography, 20006 crime and so on.
    pub label: i64,
}

impl MediaEvent {
    /// The event.
    pub const NAME: &str = "wxa_media_check";

    /// Reads the event; `None` without the name of its question.
    pub fn read(content: &Content) -> Option<Self> {
        let trace_id = content.text("trace_id")?;
        let looked = content.number("errcode").unwrap_or(0) == 0;
        let result = content.within("result").filter(|_| looked);
        let suggest = result.as_ref().and_then(|result| result.text("suggest"));
        let label = result.as_ref().and_then(|result| result.number("label")).unwrap_or_default();
        // A word that is not known is no leave to show it.
        let suggestion = suggest.map(|word| Suggestion::read(&word).unwrap_or(Suggestion::Review));
        Some(Self { trace_id, suggestion, label })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<MediaEvent> {
        MediaEvent::read(&Content::read(text.as_bytes()).expect("content"))
    }

    #[test]
    fn only_a_known_word_of_a_look_that_was_taken_lets_a_picture_be_shown() {
        let event = |suggestion, label| Some(MediaEvent { trace_id: "t".to_owned(), suggestion, label });
        let json = r#"{"trace_id":"t","errcode":0,"result":{"suggest":"pass","label":100}}"#;
        assert_eq!(read(json), event(Some(Suggestion::Pass), 100));
        let xml = "<xml><trace_id>t</trace_id><result><suggest>risky</suggest><label>20002</label></result></xml>";
        assert_eq!(read(xml), event(Some(Suggestion::Risky), 20002));
        let odd = r#"{"trace_id":"t","result":{"suggest":"perhaps","label":1}}"#;
        assert_eq!(read(odd), event(Some(Suggestion::Review), 1));
        let lost = r#"{"trace_id":"t","errcode":-1008,"result":{"suggest":"pass","label":100}}"#;
        assert_eq!(read(lost), event(None, 0));
        assert_eq!(read(r#"{"result":{"suggest":"pass"}}"#), None);
    }
}
