//! What happens in the shop, one event at a time: the lines of the log from which all figures are made.

use crate::model::{
    id::{ProductId, UserId},
    mask::masked,
    money::Fen,
    time::{Timestamp, days},
};
use std::{fmt::Display, time::Duration};

/// How old an event may be when it is told, by the server's clock; what is older counts as so old.
pub const AGE_MAX: Duration = days(7);
/// Most bytes of the further properties of an event.
pub const DETAIL_BYTES_MAX: usize = 1_000;

/// Parts of the log. Events of one source are all in the same part, in the order they were taken in. Never changed: it
/// would part a source from its past.
pub const PARTITIONS: i64 = 4;

word_enum! {
    /// What happened. The first half is told by mini-programs and worth what a client's word is; the second half is
    /// written by the server in the transaction of the fact itself.
    pub enum EventKind {
        /// A page was shown.
        PageView = "page_view",
        /// A product was looked at.
        ProductView = "product_view",
        /// A product was put into a cart.
        CartAdd = "cart_add",
        /// Something was shared.
        Share = "share",
        /// Something was searched for.
        Search = "search",
        /// Whatever else a shop counts, by name.
        Custom = "custom",
        /// Somebody signed in.
        SignIn = "sign_in",
        /// An order was placed; its sum.
        OrderPlaced = "order_placed",
        /// An order was paid; its sum.
        OrderPaid = "order_paid",
        /// Money was given back; how much.
        Refunded = "refunded",
    }
}

impl EventKind {
    /// Whether mini-programs tell of it.
    pub const fn is_told(self) -> bool {
        matches!(self, Self::PageView | Self::ProductView | Self::CartAdd | Self::Share | Self::Search | Self::Custom)
    }
}

/// One event, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// Names the event for ever: the client's id of it, or the fact it is about (`order_paid:8814711111741953`). At most 40
    /// characters; told again, it is the same event.
    pub event_id: String,
    /// Where it comes from: the client's random name of its installation, or `server`. At most 40 characters. Decides the
    /// partition.
    pub source: String,
    /// Whose doing it is: `u` and the user's id of a signed-in one, else `s` and the source.
    pub visitor: String,
    /// What happened.
    pub kind: EventKind,
    /// When it happened: the client's time, corrected by the difference of the clocks.
    pub occurred_ms: Timestamp,
    /// When it was taken in.
    pub received_ms: Timestamp,
    /// Path of the page (`pages/product/index`); empty where there is none. At most 100 characters.
    pub page: String,
    /// By what way the visitor came: WeChat's scene number or the shop's own word; empty when it is unknown. At most 32
    /// characters.
    pub channel: String,
    /// The product that it is about.
    pub product_id: Option<ProductId>,
    /// The money that it is about.
    pub amount_fen: Fen,
    /// The name of a custom event, or the words of a search. At most 100 characters.
    pub name: String,
    /// A JSON object of further properties, or empty. At most 1,000 bytes.
    pub detail: String,
}

impl Event {
    /// Something that the server did: named after the thing that it did it to, with whom it is about.
    pub fn fact(kind: EventKind, thing: impl Display, user: UserId, amount: Fen, now: Timestamp) -> Self {
        Self {
            event_id: format!("{kind}:{thing}"),
            source: "server".to_owned(),
            visitor: visitor(Some(user), ""),
            kind,
            occurred_ms: now,
            received_ms: now,
            page: String::new(),
            channel: String::new(),
            product_id: None,
            amount_fen: amount,
            name: String::new(),
            detail: String::new(),
        }
    }
    /// What it takes in memory, roughly, in bytes.
    pub fn bytes(&self) -> usize {
        let texts = [&self.event_id, &self.source, &self.visitor, &self.page, &self.channel, &self.name, &self.detail];
        size_of::<Self>() + texts.iter().map(|text| text.len()).sum::<usize>()
    }
    /// The part of the log that its source is in: FNV-1a over the bytes of the source, so that any program can say it.
    pub fn partition(&self) -> i64 {
        partition_of(&self.source)
    }
}

fn partition_of(source: &str) -> i64 {
    let hash = source
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    i64::try_from(hash % PARTITIONS.unsigned_abs()).unwrap_or(0)
}

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Logged {
    /// Its part of the log.
    pub partition_no: i64,
    /// Its place there: dense, from 1 on, in the order of commits.
    pub position: i64,
    /// What happened.
    #[sqlx(flatten)]
    pub event: Event,
}

/// How far a consumer is in one partition.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Lag {
    /// Who reads.
    pub consumer: String,
    /// Which part.
    pub partition_no: i64,
    /// The last event that it is done with.
    pub position: i64,
    /// The last event that there is.
    pub last: i64,
}

/// What a mini-program tells of at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The client's random name of its installation.
    pub source: String,
    /// The client's clock when it sent this.
    pub sent_ms: Timestamp,
    /// By what way the visitor came; empty when it is unknown.
    pub channel: String,
    /// What happened, in the client's order.
    pub events: Vec<Told>,
}

/// One event as the client tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The client's id of it.
    pub id: String,
    /// What happened.
    pub kind: EventKind,
    /// When, by the client's clock.
    pub occurred_ms: Timestamp,
    /// Path of the page, or empty.
    pub page: String,
    /// The product that it is about.
    pub product_id: Option<ProductId>,
    /// The name of a custom event, or the words of a search.
    pub name: String,
    /// A JSON object, already masked, or empty.
    pub detail: String,
}

impl Report {
    /// The events as they go into the log: their times by our clock, nothing in their texts that a person could be found by.
    pub fn events(self, user: Option<UserId>, received: Timestamp) -> Vec<Event> {
        let Self { source, sent_ms, channel, events } = self;
        let (visitor, channel) = (visitor(user, &source), masked(&channel));
        let event = |told: Told| Event {
            event_id: told.id,
            source: source.clone(),
            visitor: visitor.clone(),
            kind: told.kind,
            occurred_ms: corrected(told.occurred_ms, sent_ms, received),
            received_ms: received,
            page: masked(&told.page),
            channel: channel.clone(),
            product_id: told.product_id,
            amount_fen: Fen::ZERO,
            name: masked(&told.name),
            detail: told.detail,
        };
        events.into_iter().map(event).collect()
    }
}

/// A source that is nobody's, for events whose own must not be known any more: of the same partition, as all of a partition are.
pub fn faceless(partition: i64) -> String {
    let mut source = String::new();
    for number in 0.. {
        source = format!("gone-{number}");
        if partition_of(&source) == partition {
            break;
        }
    }
    source
}

/// How a visitor is named: a person who signed in by its id, others by their installation.
pub fn visitor(user: Option<UserId>, source: &str) -> String {
    user.map_or_else(|| format!("s{source}"), |user| format!("u{user}"))
}

/// A client's time by our clock: the difference of the clocks is what lies between its sending and our receiving. Within
/// the last [`AGE_MAX`], and not later than now: what is outside is set to the nearer end, since a clock that runs wild
/// must not change figures that were read long ago, nor those to come.
pub fn corrected(occurred: Timestamp, sent: Timestamp, received: Timestamp) -> Timestamp {
    let ahead = received.0.saturating_sub(sent.0);
    Timestamp(occurred.0.saturating_add(ahead)).clamp(received.minus(AGE_MAX), received)
}

/// The further properties of an event as they are kept: a flat object without what a person could be found by. `None` when
/// a value is a list or an object, or when it would be longer than [`DETAIL_BYTES_MAX`].
pub fn detail(properties: &serde_json::Map<String, serde_json::Value>) -> Option<String> {
    use serde_json::Value;
    if properties.is_empty() {
        return Some(String::new());
    }
    let mut kept = serde_json::Map::new();
    for (key, value) in properties {
        let value = match value {
            Value::String(text) => Value::String(masked(text)),
            // A number that is hidden is a number no more.
            Value::Number(number) => Some(masked(&number.to_string()))
                .filter(|text| text.contains('*'))
                .map_or_else(|| value.clone(), Value::String),
            Value::Bool(_) | Value::Null => value.clone(),
            Value::Array(_) | Value::Object(_) => return None,
        };
        kept.insert(masked(key), value);
    }
    let text = Value::Object(kept).to_string();
    (text.len() <= DETAIL_BYTES_MAX).then_some(text)
}

/// Whether text is a name that a client may give to itself or to an event: 8 to 40 letters, digits, `_` and `-`.
pub fn is_name(text: &str) -> bool {
    (8..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

refusals! {
    /// Why events were not taken, or a consumer was not moved.
    pub enum EventRefusal {
        /// More come than can be written; none of this request was taken.
        TooMany = TooMany, "event.too_many", "more events come than can be written; send the same again later";
        /// No such consumer in this partition.
        ConsumerMissing = Missing, "event.consumer_missing", "no consumer of this name has read this partition";
        /// The place is not in the log, any more or yet.
        PlaceMissing { first: i64, last: i64 } = Missing, "event.place_missing",
            "the log of this partition goes from {first} to {last}";
    }
}
plain_refusal!(EventRefusal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_corrected_by_the_difference_of_the_clocks_and_kept_in_bounds() {
        let now = Timestamp::from_seconds(1_795_406_400);
        let ago = |while_: Duration| now.minus(while_);
        let hour = Duration::from_hours(1);
        // The client's clock is an hour behind: what it calls two hours ago was one hour before it sent.
        assert_eq!(corrected(ago(hour * 2), ago(hour), now), ago(hour));
        assert_eq!(corrected(now.plus(hour), now.plus(hour), now), now);
        assert_eq!(corrected(now.plus(hour), now, now), now);
        assert_eq!(corrected(ago(AGE_MAX * 2), now, now), ago(AGE_MAX));
        assert_eq!(corrected(Timestamp(i64::MAX), Timestamp(i64::MIN), now), now);
        assert_eq!(corrected(Timestamp(i64::MIN), Timestamp(i64::MAX), now), ago(AGE_MAX));
    }

    #[test]
    fn properties_are_flat_and_hide_numbers_of_people() {
        let kept = |text: &str| detail(&serde_json::from_str(text).expect("an object"));
        assert_eq!(kept("{}").as_deref(), Some(""));
        assert_eq!(
            kept(r#"{"a":13800138000,"b":"13800138000","13800138000":1.5,"c":null}"#).as_deref(),
            Some(r#"{"***********":1.5,"a":"***********","b":"***********","c":null}"#)
        );
        assert_eq!((kept(r#"{"a":[1]}"#), kept(r#"{"a":{}}"#)), (None, None));
        let long = |count| kept(&format!(r#"{{"a":"{}"}}"#, "x".repeat(count)));
        assert!(long(992).is_some_and(|text| text.len() == DETAIL_BYTES_MAX) && long(993).is_none());
    }

    #[test]
    fn a_source_that_is_nobodys_stays_in_its_partition() {
        let all: Vec<_> = (0..PARTITIONS).map(|partition| partition_of(&faceless(partition))).collect();
        assert_eq!(all, (0..PARTITIONS).collect::<Vec<_>>());
    }

    #[test]
    fn a_fact_has_a_name_that_fits() {
        let fact = Event::fact(EventKind::OrderPlaced, i64::MAX, UserId(7), Fen(1), Timestamp(2));
        assert!(fact.event_id.len() <= 40, "{}", fact.event_id);
        assert_eq!((fact.visitor.as_str(), fact.kind.is_told()), ("u7", false));
    }
}
