//! Figures: what is counted from the events, over which time and about what.
//!
//! All of it is additive: what a batch of events changes does not depend on what came before it, so that any order and any
//! interruption end in the same integers. Windows are of the time at which an event happened; days are Shanghai's.

mod sketch;

use crate::model::{
    event::{Event, EventKind},
    money::Fen,
    time::{Day, Timestamp, days},
};
pub use sketch::{ERROR_PERCENT, Sketch};
use std::collections::{BTreeMap, BTreeSet};

word_enum! {
    /// How long the windows of a figure are.
    #[derive(PartialOrd, Ord)]
    pub enum Grain {
        /// Minutes; kept for some days only.
        Minute = "minute",
        /// Hours.
        Hour = "hour",
        /// Days in Shanghai.
        Day = "day",
    }
}

word_enum! {
    /// What a figure is about.
    #[derive(PartialOrd, Ord)]
    pub enum Scope {
        /// The whole shop; its key is empty.
        Shop = "shop",
        /// A page; its key is the path.
        Page = "page",
        /// A product; its key is the id.
        Product = "product",
        /// A way by which visitors come; its key is the channel.
        Channel = "channel",
    }
}

word_enum! {
    /// What is counted. The first are kinds of events, in all grains and scopes; people are counted by day.
    #[derive(PartialOrd, Ord)]
    pub enum Metric {
        /// Pages shown (PV).
        PageView = "page_view",
        /// Products looked at.
        ProductView = "product_view",
        /// Products put into carts.
        CartAdd = "cart_add",
        /// Shares.
        Share = "share",
        /// Searches.
        Search = "search",
        /// Whatever else a shop counts.
        Custom = "custom",
        /// Sign-ins.
        SignIn = "sign_in",
        /// Orders placed; their sum is the GMV.
        OrderPlaced = "order_placed",
        /// Orders paid, with their sum.
        OrderPaid = "order_paid",
        /// Refunds, with their sum.
        Refunded = "refunded",
        /// Distinct visitors (UV), in all scopes. Whose payment or refund was settled that day was not there for that.
        Visitors = "visitors",
        /// Visitors who were signed in (DAU).
        ActiveUsers = "active_users",
        /// Visitors whose first day it was.
        NewVisitors = "new_visitors",
        /// Visitors who looked at a product.
        Viewers = "viewers",
        /// Visitors who put something into a cart.
        Carters = "carters",
        /// Visitors who placed an order.
        Buyers = "buyers",
        /// Visitors whose order was paid.
        Payers = "payers",
        /// Of the viewers, those who put something into a cart the same day.
        FunnelCart = "funnel_cart",
        /// Of those, the ones who placed an order the same day.
        FunnelOrder = "funnel_order",
        /// Of those, the ones whose order was paid the same day.
        FunnelPaid = "funnel_paid",
        /// Of the new visitors of the day, those who came so many days later.
        AfterOne = "after_one",
        /// The same after two days.
        AfterTwo = "after_two",
        /// After three.
        AfterThree = "after_three",
        /// After four.
        AfterFour = "after_four",
        /// After five.
        AfterFive = "after_five",
        /// After six.
        AfterSix = "after_six",
        /// After seven.
        AfterSeven = "after_seven",
        /// After fourteen.
        AfterFourteen = "after_fourteen",
        /// After thirty.
        AfterThirty = "after_thirty",
    }
}

/// After how many days it is looked who has come back.
pub const RETENTION: [(u64, Metric); 9] = [
    (1, Metric::AfterOne),
    (2, Metric::AfterTwo),
    (3, Metric::AfterThree),
    (4, Metric::AfterFour),
    (5, Metric::AfterFive),
    (6, Metric::AfterSix),
    (7, Metric::AfterSeven),
    (14, Metric::AfterFourteen),
    (30, Metric::AfterThirty),
];

/// The steps from a look at a product to the money.
pub const FUNNEL: [Metric; 4] = [Metric::Viewers, Metric::FunnelCart, Metric::FunnelOrder, Metric::FunnelPaid];

impl Metric {
    /// The events of a kind.
    pub const fn of_kind(kind: EventKind) -> Self {
        match kind {
            EventKind::PageView => Self::PageView,
            EventKind::ProductView => Self::ProductView,
            EventKind::CartAdd => Self::CartAdd,
            EventKind::Share => Self::Share,
            EventKind::Search => Self::Search,
            EventKind::Custom => Self::Custom,
            EventKind::SignIn => Self::SignIn,
            EventKind::OrderPlaced => Self::OrderPlaced,
            EventKind::OrderPaid => Self::OrderPaid,
            EventKind::Refunded => Self::Refunded,
        }
    }
    /// Whether the stream counts it; the others are made once a day.
    pub const fn is_streamed(self) -> bool {
        (self as usize) < (Self::FunnelCart as usize)
    }
    /// Whether it counts events, so that minutes and hours have it too.
    pub const fn counts_events(self) -> bool {
        (self as usize) < (Self::Visitors as usize)
    }
}

impl Grain {
    /// The first moment of the window that a moment is in.
    pub fn start(self, at: Timestamp) -> Timestamp {
        const SHIFT: i64 = 8 * 3_600_000;
        let length = self.length_ms();
        // Minutes and hours begin in Shanghai when they do in UTC.
        let shift = if self == Self::Day { SHIFT } else { 0 };
        Timestamp((at.0 + shift).div_euclid(length) * length - shift)
    }
    /// The length of a window.
    pub const fn length_ms(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }
}

/// One figure: of what, about what, when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct Window {
    /// How long.
    pub grain: Grain,
    /// About what.
    pub scope: Scope,
    /// About which.
    pub scope_key: String,
    /// Of what.
    pub metric: Metric,
    /// Its first moment.
    pub start_ms: Timestamp,
}

/// How often and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::FromRow)]
pub struct Sum {
    /// How often.
    pub total: i64,
    /// How much.
    pub amount_fen: Fen,
}

/// Figures by window.
pub type Sums = BTreeMap<Window, Sum>;

/// Somebody was seen on a day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct Seen {
    /// When.
    pub day: Day,
    /// Where.
    pub scope: Scope,
    /// Who.
    pub visitor: String,
    /// As what: visitors in all scopes; viewers, carters, buyers and payers in the shop.
    pub role: Metric,
    /// Where precisely.
    pub scope_key: String,
}

/// What events change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deltas {
    /// To be added.
    pub sums: Sums,
    /// Who was seen; to be counted where it is new.
    pub seen: BTreeSet<Seen>,
    /// The earliest day of each visitor among them.
    pub firsts: BTreeMap<String, Day>,
}

/// What a batch of events changes.
pub fn deltas<'e>(events: impl IntoIterator<Item = &'e Event>) -> Deltas {
    let mut deltas = Deltas::default();
    events.into_iter().for_each(|event| deltas.take(event));
    deltas
}

/// Add to a window.
pub fn add(sums: &mut Sums, window: Window, more: Sum) {
    let sum = sums.entry(window).or_default();
    sum.total += more.total;
    sum.amount_fen = Fen(sum.amount_fen.0 + more.amount_fen.0);
}

impl Deltas {
    /// One event more.
    pub fn take(&mut self, event: &Event) {
        let (day, metric) = (Day(event.occurred_ms.day()), Metric::of_kind(event.kind));
        let product = event.product_id.map(|id| id.to_string()).unwrap_or_default();
        let scopes = [(Scope::Page, &event.page), (Scope::Product, &product), (Scope::Channel, &event.channel)];
        let scopes = scopes.into_iter().filter(|(_, key)| !key.is_empty()).map(|(scope, key)| (scope, key.as_str()));
        let visits = !matches!(event.kind, EventKind::OrderPaid | EventKind::Refunded);
        for (scope, key) in std::iter::once((Scope::Shop, "")).chain(scopes) {
            for grain in Grain::ALL {
                let start_ms = grain.start(event.occurred_ms);
                let window = Window { grain: *grain, scope, scope_key: key.to_owned(), metric, start_ms };
                add(&mut self.sums, window, Sum { total: 1, amount_fen: event.amount_fen });
            }
            if visits {
                self.see(day, event, (scope, key), Metric::Visitors);
            }
        }
        let role = match event.kind {
            EventKind::ProductView => Some(Metric::Viewers),
            EventKind::CartAdd => Some(Metric::Carters),
            EventKind::OrderPlaced => Some(Metric::Buyers),
            EventKind::OrderPaid => Some(Metric::Payers),
            _ => None,
        };
        if let Some(role) = role {
            self.see(day, event, (Scope::Shop, ""), role);
        }
        if visits {
            let first = self.firsts.entry(event.visitor.clone()).or_insert(day);
            *first = (*first).min(day);
        }
    }

    fn see(&mut self, day: Day, event: &Event, (scope, key): (Scope, &str), role: Metric) {
        let scope_key = key.to_owned();
        self.seen.insert(Seen { day, scope, scope_key, role, visitor: event.visitor.clone() });
    }
}

/// The window of the shop's day.
pub fn of_shop(metric: Metric, day: Day) -> Window {
    Window { grain: Grain::Day, scope: Scope::Shop, scope_key: String::new(), metric, start_ms: day.start() }
}

/// Count people, each of them once.
pub fn tally<'s>(sums: &mut Sums, seen: impl IntoIterator<Item = &'s Seen>) {
    const ONE: Sum = Sum { total: 1, amount_fen: Fen(0) };
    for seen in seen {
        let window = Window { scope: seen.scope, scope_key: seen.scope_key.clone(), ..of_shop(seen.role, seen.day) };
        // Signed-in visitors have a name of their own sort.
        if seen.scope == Scope::Shop && seen.role == Metric::Visitors && seen.visitor.starts_with('u') {
            add(sums, Window { metric: Metric::ActiveUsers, ..window.clone() }, ONE);
        }
        add(sums, window, ONE);
    }
}

/// A day that was rolled up.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RolledDay {
    /// Which.
    pub day: Day,
    /// Its events then.
    pub events: i64,
    /// Windows in which the streamed figures were not those of the events.
    pub differences: i64,
    /// One of them, in words.
    pub example: String,
    /// When that was found.
    pub rolled_ms: Timestamp,
}

/// Days, the first and the last of them included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub from: Day,
    /// The last.
    pub to: Day,
}

impl Period {
    /// How many days.
    pub fn length(self) -> u64 {
        (self.to.end().since(self.from.start()).as_secs() + 43_200) / 86_400
    }
    /// As many days right before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self { from: self.from.before(self.length()), to: self.from.before(1) }
    }
    /// Each day.
    pub fn days(self) -> impl Iterator<Item = Day> {
        std::iter::successors(Some(self.from), |day| Some(day.next())).take_while(move |day| *day <= self.to)
    }
    /// From its first moment to the first after it.
    pub fn bounds(self) -> (Timestamp, Timestamp) {
        (self.from.start(), self.to.start().plus(days(1)))
    }
}

refusals! {
    /// Why there is no such figure.
    pub enum FigureRefusal {
        /// The days are the wrong way round or too many.
        PeriodWrong { most: u64 } = Invalid, "figure.period_wrong", "from must not be after to, and at most {most} days";
        /// People are counted by day.
        GrainWrong = Invalid, "figure.grain_wrong", "people are counted by day only";
        /// The mini-program is none of ours.
        AppUnknown = Invalid, "figure.app_unknown", "no such mini-program here";
    }
}
plain_refusal!(FigureRefusal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_shanghais() {
        let at = Timestamp::parse_rfc3339("2026-11-23T00:30:15+08:00").expect("time");
        let start = |grain: Grain| grain.start(at).rfc3339();
        assert_eq!(start(Grain::Day), "2026-11-23T00:00:00+08:00");
        assert_eq!(start(Grain::Hour), "2026-11-23T00:00:00+08:00");
        assert_eq!(start(Grain::Minute), "2026-11-23T00:30:00+08:00");
        assert_eq!(Grain::Day.start(Timestamp(at.0 - 1_815_001)), Day(20_261_122).start());
    }

    #[test]
    fn the_previous_period_is_as_long_and_ends_right_before() {
        let period = Period { from: Day(20_261_101), to: Day(20_261_107) };
        assert_eq!((period.length(), period.days().count()), (7, 7));
        assert_eq!(period.previous(), Period { from: Day(20_261_025), to: Day(20_261_031) });
    }

    #[test]
    fn what_the_stream_counts_ends_where_the_batch_begins() {
        let streamed = Metric::ALL.iter().filter(|metric| metric.is_streamed()).count();
        let of_events = Metric::ALL.iter().filter(|metric| metric.counts_events()).count();
        assert_eq!((streamed, of_events), (17, EventKind::ALL.len()));
        assert!(EventKind::ALL.iter().all(|kind| Metric::of_kind(*kind).word() == kind.word()));
    }
}
