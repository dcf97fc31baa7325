//! What happens in the shop, one event at a time: the lines of the log from which all figures are made.

use crate::model::{id::ProductId, money::Fen, time::Timestamp};

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
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
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
    /// The part of the log that its source is in: FNV-1a over the bytes of the source, so that any program can say it.
    pub fn partition(&self) -> i64 {
        let hash = self
            .source
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        i64::try_from(hash % PARTITIONS.unsigned_abs()).unwrap_or(0)
    }
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
