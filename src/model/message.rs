//! Subscribe messages (订阅消息): what is told to whom, what a user agreed to, and which texts WeChat takes.

use crate::model::{
    id::{MessageId, OrderId, UserId},
    time::Timestamp,
};
use std::collections::BTreeMap;

/// Most characters of a template's id.
pub const TEMPLATE_ID_MAX: usize = 64;

word_enum! {
    /// What a message tells of.
    pub enum Occasion {
        /// An order was paid.
        OrderPaid = "order_paid",
        /// The first of an order left.
        OrderShipped = "order_shipped",
        /// Money of an order went back.
        RefundSucceeded = "refund_succeeded",
    }
}

impl Occasion {
    /// What can stand in braces in the texts of its template.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::OrderPaid => &["order_id", "order_number", "goods", "total", "paid_time"],
            Self::OrderShipped => {
                &["order_id", "order_number", "goods", "total", "carrier", "tracking_no", "shipped_time"]
            }
            Self::RefundSucceeded => {
                &["order_id", "order_number", "goods", "total", "refund", "reason", "refunded_time"]
            }
        }
    }
}

word_enum! {
    /// Which version of the mini-program a tap on a message opens (`miniprogram_state`).
    pub enum ProgramState {
        /// The developers'.
        Developer = "developer",
        /// The one being tried.
        Trial = "trial",
        /// The released one.
        Formal = "formal",
    }
}

word_enum! {
    /// Where a message stands.
    pub enum MessageState {
        /// A job will send it.
        Waiting = "waiting",
        /// WeChat is being asked.
        Sending = "sending",
        /// WeChat took it.
        Sent = "sent",
        /// WeChat took it and could not deliver it.
        Undelivered = "undelivered",
        /// The user has not agreed to it, or no more.
        Unsubscribed = "unsubscribed",
        /// WeChat did not take it: staff must look at the template.
        Refused = "refused",
        /// A text does not fit its place in the template, or there is no template: it was not sent.
        Unfit = "unfit",
        /// The answer was lost. It may have arrived, so it is not sent twice.
        Unknown = "unknown",
    }
}

/// A message to a user about one thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Message {
    /// Which.
    pub id: MessageId,
    /// What it tells of.
    pub occasion: Occasion,
    /// The order or the refund: there is one message of it.
    pub subject_id: i64,
    /// About which order.
    pub order_id: OrderId,
    /// To whom.
    pub user_id: UserId,
    /// From which mini-program.
    pub appid: String,
    /// By which template of the mini-program; empty before it was sent.
    pub template_id: String,
    /// Where it stands.
    pub state: MessageState,
    /// The texts as they were sent, as a JSON object by name; empty before.
    pub content: String,
    /// WeChat's code, or our word, when it did not arrive.
    pub code: Option<String>,
    /// What WeChat said of it.
    pub cause: Option<String>,
    /// WeChat's number of it (`msgid`).
    pub msgid: Option<String>,
    /// When it came up.
    pub created_ms: Timestamp,
    /// When it ended.
    pub ended_ms: Option<Timestamp>,
}

/// Which place of a template a text is for: what its name begins with. Official page: 订阅消息参数值内容限制说明.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Up to 20 characters.
    Thing,
    /// Up to 32 digits, with decimals.
    Number,
    /// Up to 32 letters.
    Letter,
    /// Up to 5 signs.
    Symbol,
    /// Up to 32 digits, letters and signs.
    CharacterString,
    /// A time, with a date before it or not.
    Time,
    /// A date, with a time after it or not.
    Date,
    /// A sign of a currency, up to 10 digits with decimals, 元 at the end.
    Amount,
    /// Up to 17 digits and signs.
    PhoneNumber,
    /// Up to 8 characters.
    CarNumber,
    /// Up to 10 Chinese characters, or 20 letters and signs.
    Name,
    /// Up to 5 Chinese characters.
    Phrase,
    /// One of the template's own words.
    Enum,
}

impl Kind {
    /// From the name of a place, such as `thing1`; `None` for a name that WeChat does not give.
    pub fn of(name: &str) -> Option<Self> {
        let word = name.trim_end_matches(|symbol: char| symbol.is_ascii_digit());
        if word.len() == name.len() {
            return None;
        }
        Some(match word {
            "thing" => Self::Thing,
            "number" => Self::Number,
            "letter" => Self::Letter,
            "symbol" => Self::Symbol,
            "character_string" => Self::CharacterString,
            "time" => Self::Time,
            "date" => Self::Date,
            "amount" => Self::Amount,
            "phone_number" => Self::PhoneNumber,
            "car_number" => Self::CarNumber,
            "name" => Self::Name,
            "phrase" => Self::Phrase,
            "enum" => Self::Enum,
            _ => return None,
        })
    }

    /// A text as it can stand there; `None` when it cannot. Only what is free text is cut.
    pub fn fit(self, text: &str) -> Option<String> {
        let text: String = text.chars().map(|symbol| if symbol.is_control() { ' ' } else { symbol }).collect();
        let text = text.trim();
        let length = text.chars().count();
        let all = |known: fn(char) -> bool| text.chars().all(known);
        let fits = match self {
            Self::Thing if length > 20 => return Some(text.chars().take(19).chain(['…']).collect()),
            Self::Thing | Self::Enum => true,
            Self::Number => length <= 32 && is_number(text),
            Self::Letter => length <= 32 && all(|symbol| symbol.is_ascii_alphabetic()),
            Self::Symbol => length <= 5 && all(|symbol| !symbol.is_alphanumeric()),
            Self::CharacterString => length <= 32 && all(|symbol| symbol.is_ascii_graphic()),
            Self::Time => text.contains(':') && all(is_of_time),
            Self::Date => text.contains(|symbol: char| symbol.is_ascii_digit()) && all(is_of_time),
            Self::Amount => is_amount(text),
            Self::PhoneNumber => length <= 17 && all(|symbol| symbol.is_ascii_digit() || "+-() ".contains(symbol)),
            Self::CarNumber => length <= 8,
            Self::Name => length <= if text.is_ascii() { 20 } else { 10 },
            Self::Phrase => length <= 5 && all(|symbol| ('\u{4e00}'..='\u{9fff}').contains(&symbol)),
        };
        (fits && length > 0).then(|| text.to_owned())
    }
}

fn is_of_time(symbol: char) -> bool {
    symbol.is_ascii_digit() || "年月日:-/~ ".contains(symbol)
}

fn is_number(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    [whole, part].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

fn is_amount(text: &str) -> bool {
    let digits = text.strip_prefix(['¥', '￥', '$', '€', '£']).unwrap_or(text);
    let digits = digits.strip_suffix('元').unwrap_or(digits);
    digits.bytes().filter(u8::is_ascii_digit).count() <= 10 && is_number(digits)
}

/// A text with each word in braces replaced; `Err` is the word that has no meaning, or a brace that stands alone.
pub fn fill(text: &str, word: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(&rest[..at]);
        let inner = rest[at..].strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, after) = inner.ok_or_else(|| rest[at..=at].to_owned())?;
        filled.push_str(&word(name).ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    Ok(filled + rest)
}

/// The texts of a message, each as it can stand in its place; `Err` is the place of the first that cannot.
pub fn compose(
    texts: &BTreeMap<String, String>,
    word: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, String> {
    let one = |(name, text): (&String, &String)| {
        let filled = fill(text, &word).map_err(|_| name.clone())?;
        let fitting = Kind::of(name).and_then(|kind| kind.fit(&filled)).ok_or_else(|| name.clone())?;
        Ok((name.clone(), fitting))
    };
    texts.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_held_against_its_place() {
        let long = "很长".repeat(11);
        for (name, text, expected) in [
            ("thing1", "龙井×2", Some("龙井×2")),
            ("thing2", &*long, Some("很长很长很长很长很长很长很长很长很长很…")),
            ("thing1", " ", None),
            ("number1", "12.50", Some("12.50")),
            ("number1", "12.", None),
            ("number1", "1e3", None),
            ("letter1", "abc", Some("abc")),
            ("letter1", "ab1", None),
            ("symbol1", "+-", Some("+-")),
            ("symbol1", "+a", None),
            ("character_string1", "SF-1234_5", Some("SF-1234_5")),
            ("character_string1", "顺丰1", None),
            ("time1", "2019年10月1日 15:01", Some("2019年10月1日 15:01")),
            ("time1", "2019年10月1日", None),
            ("date1", "2019年10月1日", Some("2019年10月1日")),
            ("date1", "今天", None),
            ("amount1", "¥328.00", Some("¥328.00")),
            ("amount1", "328.00元", Some("328.00元")),
            ("amount1", "¥12345678.901", None),
            ("amount1", "一百", None),
            ("phone_number1", "+86 138-0000-0000", Some("+86 138-0000-0000")),
            ("phone_number1", "138000000000000000", None),
            ("car_number1", "浙A12345", Some("浙A12345")),
            ("name1", "王小明", Some("王小明")),
            ("name1", "一二三四五六七八九十甲", None),
            ("phrase1", "已发货", Some("已发货")),
            ("phrase1", "paid", None),
            ("enum1", "上门", Some("上门")),
        ] {
            let kind = Kind::of(name).expect("a kind");
            assert_eq!(kind.fit(text).as_deref(), expected, "{name} {text}");
        }
        for name in ["thing", "things1", "1", "", "thing1x"] {
            assert_eq!(Kind::of(name), None, "{name}");
        }
    }

    #[test]
    fn words_in_braces_are_replaced_and_others_are_told() {
        let word = |name: &str| (name == "a").then(|| "一".to_owned());
        assert_eq!(fill("x{a}y{a}", word).as_deref(), Ok("x一y一"));
        assert_eq!(fill("", word).as_deref(), Ok(""));
        for (text, told) in [("{b}", "b"), ("{a", "{"), ("a}", "}"), ("{a}}", "}"), ("{}", "")] {
            assert_eq!(fill(text, word), Err(told.to_owned()), "{text}");
        }
        let texts = |text: &str| BTreeMap::from([("phrase1".to_owned(), text.to_owned())]);
        assert_eq!(compose(&texts("{a}"), word), Ok(texts("一")));
        assert_eq!(compose(&texts("{a}1"), word), Err("phrase1".to_owned()));
    }
}
