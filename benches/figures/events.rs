//! Events of made-up visitors, the same each time.

use weizhan::model::{
    event::{Event, EventKind},
    id::ProductId,
    money::Fen,
    time::Day,
};

/// Products that are looked at.
const PRODUCTS: u64 = 1_000;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// How far events are from the order in which they happened.
const DISORDER_MS: u64 = 600_000;
/// Pages that are shown.
const PAGES: u64 = 40;

/// Visitors who do things; a twentieth as many as there are events.
pub struct Crowd {
    dice: u64,
    number: u64,
    visitors: u64,
}

impl Crowd {
    /// Who does so many things.
    pub fn of(events: u64) -> Self {
        Self { dice: 0x2545_f491_4f6c_dd1d, number: 0, visitors: (events / 20).max(40) }
    }

    /// Numbers that look random: xorshift.
    fn below(&mut self, bound: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % bound
    }

    fn less(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap_or_default()
    }

    /// The event that is told after a part of a day, in milliseconds; it happened up to ten minutes later than that, as far
    /// as the day goes. Pages most of all, as in life.
    pub fn event(&mut self, day: Day, told_ms: i64) -> Event {
        let kinds = EventKind::ALL.len() as u64;
        let kind = self.below(kinds).min(self.below(kinds)).min(self.below(kinds));
        let kind = EventKind::ALL[usize::try_from(kind).unwrap_or_default()];
        // Half of what is done is done by few.
        let crowd = if self.below(2) == 0 { self.visitors } else { self.visitors.div_ceil(8) };
        let visitor = self.below(crowd);
        let mut occurred_ms = day.start();
        occurred_ms.0 += (told_ms + self.less(DISORDER_MS)).min(DAY_MS - 1);
        self.number += 1;
        let is_product = matches!(kind, EventKind::ProductView | EventKind::CartAdd);
        let is_money = matches!(kind, EventKind::OrderPlaced | EventKind::OrderPaid | EventKind::Refunded);
        Event {
            event_id: format!("event-{}", self.number),
            source: if kind.is_told() { format!("phone-{visitor}") } else { "server".to_owned() },
            visitor: format!("u{visitor}"),
            kind,
            occurred_ms,
            received_ms: occurred_ms,
            page: format!("pages/{}", self.below(PAGES)),
            channel: ["", "1001", "1047", "=poster"][usize::try_from(visitor % 4).unwrap_or_default()].to_owned(),
            product_id: is_product.then(|| ProductId(self.less(PRODUCTS) + 1)),
            amount_fen: Fen(if is_money { self.less(9_000) + 1 } else { 0 }),
            name: String::new(),
            detail: String::new(),
        }
    }
}
