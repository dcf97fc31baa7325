//! Events of made-up visitors, the same for the same seed: with duplicates, disorder and late arrivals.

use crate::support::app::{START, TestApp};
use weizhan::{
    data,
    model::{
        event::{Event, EventKind},
        id::ProductId,
        money::Fen,
        time::{Timestamp, days},
    },
};

/// Numbers that look random and are the same each time: xorshift.
pub struct Dice(pub u64);

impl Dice {
    /// Less than `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The first moment of the days that events are of; the last one is the day of [`START`].
pub fn begin(span: u64) -> Timestamp {
    Timestamp(START.day_start()).minus(days(span - 1))
}

trait DayStart {
    fn day_start(&self) -> i64;
}
impl DayStart for Timestamp {
    fn day_start(&self) -> i64 {
        weizhan::model::time::Day(self.day()).start().0
    }
}

/// One event that nobody has told twice.
pub fn event(number: u64, visitor: u64, kind: EventKind, occurred_ms: Timestamp) -> Event {
    let server = !kind.is_told();
    let signed_in = visitor.is_multiple_of(3) || server;
    Event {
        event_id: format!("e{number}"),
        source: if server { "server".to_owned() } else { format!("phone-{visitor}") },
        visitor: if signed_in { format!("u{visitor}") } else { format!("sphone-{visitor}") },
        kind,
        occurred_ms,
        received_ms: occurred_ms,
        page: if kind == EventKind::PageView { format!("pages/{}", number % 7) } else { String::new() },
        channel: ["", "1001", "1047", "=poster"][usize::try_from(visitor % 4).expect("small")].to_owned(),
        product_id: matches!(kind, EventKind::ProductView | EventKind::CartAdd)
            .then(|| ProductId(i64::try_from(number % 11 + 1).expect("small"))),
        amount_fen: match kind {
            EventKind::OrderPlaced | EventKind::OrderPaid => Fen(i64::try_from(number % 9_000 + 1).expect("small")),
            EventKind::Refunded => Fen(7),
            _ => Fen(0),
        },
        name: String::new(),
        detail: String::new(),
    }
}

/// So many events of `span` days, in the order in which they are told: mostly by time, every tenth late by up to all of the
/// days, every twentieth told twice.
pub fn generate(count: u64, span: u64, seed: u64) -> Vec<Event> {
    let mut dice = Dice(seed);
    let (from, whole) = (begin(span), span * 86_400_000);
    let visitors = (count / 20).max(40);
    let mut told = Vec::new();
    for number in 0..count {
        // More kinds at the beginning of the list, as in life.
        let kinds = u64::try_from(EventKind::ALL.len()).expect("few");
        let kind = EventKind::ALL[usize::try_from(dice.below(kinds).min(dice.below(kinds))).expect("few")];
        let at = if dice.below(10) == 0 { dice.below(whole) } else { number * whole / count };
        // Half of them come to a few only, and each is there on some days only.
        let crowd = if dice.below(2) == 0 { visitors } else { visitors / 8 };
        let visitor = (dice.below(crowd) + at / 86_400_000 * 5) % visitors;
        let one = event(number, visitor, kind, Timestamp(from.0 + i64::try_from(at).expect("days")));
        if dice.below(20) == 0 {
            told.push(one.clone());
        }
        told.push(one);
    }
    // Neighbours overtake each other.
    for place in 1..told.len() {
        let reach = u64::try_from(place.min(50)).expect("small");
        told.swap(place, place - usize::try_from(dice.below(reach)).expect("small"));
    }
    told
}

/// Tell them.
pub async fn tell(app: &TestApp, events: &[Event]) -> usize {
    let mut fresh = 0;
    for batch in events.chunks(200) {
        let mut session = app.app.database.write().await.expect("write");
        fresh += data::event::append(&mut session, batch).await.expect("append");
        session.commit().await.expect("commit");
    }
    fresh
}
