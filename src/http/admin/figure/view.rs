//! Figures as they are answered in JSON.

use crate::{
    model::{
        figure::Metric,
        money::Fen,
        time::{Day, Timestamp},
    },
    service::figure::Point,
};
use serde::Serialize;
use utoipa::ToSchema;

/// One window.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PointView {
    /// Its first moment.
    pub(super) start_ms: Timestamp,
    /// How often, or how many.
    pub(super) total: i64,
    /// How much, in fen.
    pub(super) amount_fen: Fen,
}

impl From<Point> for PointView {
    fn from(Point { start_ms, total, amount_fen }: Point) -> Self {
        Self { start_ms, total, amount_fen }
    }
}

/// A figure over time.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SeriesView {
    /// Each window of the period, in order.
    pub(super) points: Vec<PointView>,
    /// As many of the period before, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Vec<PointView>>,
}

/// A figure of a period.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TotalView {
    /// Of what. People are counted anew each day: who came on two days counts twice.
    pub(super) metric: Metric,
    /// How often.
    pub(super) total: i64,
    /// How much, in fen.
    pub(super) amount_fen: Fen,
    /// How often in the period before, which is as long.
    pub(super) previous_total: i64,
    /// How much in the period before.
    pub(super) previous_amount_fen: Fen,
}

/// Distinct visitors of a period.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct UniqueView {
    /// About how many; of one day precisely.
    pub(super) total: i64,
    /// The same of the period before.
    pub(super) previous_total: i64,
    /// How far an estimate may be off, in percent; 0 when it is none.
    pub(super) error_percent: i64,
}

/// All figures of a period.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TotalsView {
    /// The first day.
    pub(super) from: Day,
    /// The last day.
    pub(super) to: Day,
    /// Each figure.
    pub(super) totals: Vec<TotalView>,
    /// Visitors less those whose first day it was.
    pub(super) returning_visitors: i64,
    /// Of 10,000 visitors, so many paid; visitors and payers of each day.
    pub(super) conversion_per_10000: i64,
    /// Distinct visitors, of the shop only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unique_visitors: Option<UniqueView>,
}

/// One of those of which there was most.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TopView {
    /// Which.
    pub(super) key: String,
    /// How often.
    pub(super) total: i64,
    /// How much, in fen.
    pub(super) amount_fen: Fen,
}

/// How many came back so many days later.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct RetainedView {
    /// Days after the first.
    pub(super) after_days: u64,
    /// How many.
    pub(super) visitors: i64,
}

/// The visitors whose first day it was.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CohortView {
    /// Which day.
    pub(super) day: Day,
    /// How many they are.
    pub(super) new_visitors: i64,
    /// How many of them came back, of days that were rolled up.
    pub(super) retained: Vec<RetainedView>,
}

/// How many came so far.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StepView {
    /// Which step: `viewers` looked at a product, of them so many reached the next within the day.
    pub(super) step: Metric,
    /// How many, by day and summed.
    pub(super) visitors: i64,
}
