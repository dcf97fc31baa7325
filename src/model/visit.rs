//! What WeChat counts of a mini-program, by day.

use crate::model::time::Day;

word_enum! {
    /// About what a figure is.
    pub enum VisitScope {
        /// The whole mini-program.
        App = "app",
        /// A page; its path is the name.
        Page = "page",
        /// Those whose first day it was; the name is after how many days they came again.
        NewUsers = "new_users",
        /// All who came that day; the name is after how many days they came again.
        Users = "users",
    }
}

word_enum! {
    /// What is counted.
    pub enum VisitMetric {
        /// Times it was opened.
        Sessions = "sessions",
        /// Pages shown (PV).
        PageViews = "page_views",
        /// Distinct visitors (UV).
        Visitors = "visitors",
        /// Visitors whose first day it was.
        NewVisitors = "new_visitors",
        /// How long a visitor stayed, on average, in milliseconds; of a page, how long it was looked at.
        StayMs = "stay_ms",
        /// How long a session was, on average, in milliseconds.
        SessionMs = "session_ms",
        /// Pages of a session, on average, in thousandths.
        DepthThousandths = "depth_thousandths",
        /// Visitors since the beginning.
        AllVisitors = "all_visitors",
        /// Shares.
        Shares = "shares",
        /// Those who shared.
        Sharers = "sharers",
        /// Sessions that began on a page.
        Entries = "entries",
        /// Sessions that ended on a page.
        Exits = "exits",
    }
}

/// One figure of a day.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Visit {
    /// Which day, in Shanghai.
    pub day: Day,
    /// About what.
    pub scope: VisitScope,
    /// About which; empty for the whole mini-program.
    pub name: String,
    /// What is counted.
    pub metric: VisitMetric,
    /// How many.
    pub value: i64,
}

/// The days after which it is counted who came again.
pub const RETURNS: [u64; 9] = [1, 2, 3, 4, 5, 6, 7, 14, 30];
