//! Figures for people who look: from what was counted before, never from the events.

use crate::{
    app::App,
    data::{self, Session},
    model::{
        figure::{FUNNEL, FigureRefusal, Grain, Metric, Period, RETENTION, Scope, Sum, Sums, of_shop},
        money::Fen,
        time::{Day, Timestamp},
    },
    service::{Error, Fault},
};
use std::collections::BTreeMap;

/// Most days of a question about minutes, hours and days.
const DAYS_MAX: [(Grain, u64); 3] = [(Grain::Minute, 2), (Grain::Hour, 31), (Grain::Day, 400)];

/// A series that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Of what.
    pub metric: Metric,
    /// How fine.
    pub grain: Grain,
    /// About what.
    pub scope: Scope,
    /// About which; empty for the shop.
    pub key: String,
    /// When.
    pub period: Period,
    /// Whether also the period before.
    pub compare: bool,
}

/// One window of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Its first moment.
    pub start_ms: Timestamp,
    /// How often.
    pub total: i64,
    /// How much.
    pub amount_fen: Fen,
}

/// A figure over time; no window is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// In order.
    pub points: Vec<Point>,
    /// As many of the period before, where it was asked for.
    pub previous: Option<Vec<Point>>,
}

/// A figure of a whole period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// Of what.
    pub metric: Metric,
    /// In the period.
    pub now: Sum,
    /// In the period before.
    pub previous: Sum,
}

/// All figures of a whole period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Each of those that are counted as they come. People are counted anew each day.
    pub totals: Vec<Total>,
    /// Distinct visitors of the whole period and of the one before, about; of the shop only. One day is exact.
    pub unique_visitors: Option<(i64, i64)>,
}

/// One of those of which there was most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    /// Which.
    pub key: String,
    /// How often.
    pub total: i64,
    /// How much.
    pub amount_fen: Fen,
}

/// The visitors whose first day it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Which day.
    pub day: Day,
    /// How many they are.
    pub new_visitors: i64,
    /// After how many days how many of them came; only of days that were rolled up.
    pub retained: Vec<(u64, i64)>,
}

fn bounded(period: Period, grain: Grain) -> Result<(), FigureRefusal> {
    let most = DAYS_MAX.iter().find(|(known, _)| *known == grain).map_or(1, |(_, most)| *most);
    if period.from > period.to || period.length() > most { Err(FigureRefusal::PeriodWrong { most }) } else { Ok(()) }
}

/// A figure over time.
pub async fn series(app: &App, wanted: &Wanted) -> Result<Series, Error<FigureRefusal>> {
    bounded(wanted.period, wanted.grain)?;
    if wanted.grain != Grain::Day && !wanted.metric.counts_events() {
        return Err(FigureRefusal::GrainWrong.into());
    }
    let mut session = app.database.read().await?;
    let points = points(&mut session, wanted, wanted.period).await?;
    let mut previous = None;
    if wanted.compare {
        previous = Some(self::points(&mut session, wanted, wanted.period.previous()).await?);
    }
    Ok(Series { points, previous })
}

async fn points(session: &mut Session, wanted: &Wanted, period: Period) -> Result<Vec<Point>, Fault> {
    let Wanted { metric, grain, scope, key, .. } = wanted;
    let (from, until) = period.bounds();
    let rows = data::figure::series(session, *grain, (*scope, key), *metric, (from, until)).await?;
    let rows: BTreeMap<_, _> = rows.into_iter().map(|(start, total, amount)| (start, (total, amount))).collect();
    let starts = std::iter::successors(Some(from), |start| Some(Timestamp(start.0 + grain.length_ms())));
    let point = |start_ms: Timestamp| {
        let (total, amount_fen) = rows.get(&start_ms).copied().unwrap_or_default();
        Point { start_ms, total, amount_fen }
    };
    Ok(starts.take_while(|start| *start < until).map(point).collect())
}

/// Every figure of a period with that of the one before.
pub async fn totals(app: &App, (scope, key): (Scope, &str), period: Period) -> Result<Totals, Error<FigureRefusal>> {
    bounded(period, Grain::Day)?;
    let mut session = app.database.read().await?;
    let now = summed(&data::figure::by_day(&mut session, (scope, key), period.bounds()).await?);
    let before = summed(&data::figure::by_day(&mut session, (scope, key), period.previous().bounds()).await?);
    let of = |sums: &BTreeMap<Metric, Sum>, metric: &Metric| sums.get(metric).copied().unwrap_or_default();
    let streamed = Metric::ALL.iter().filter(|metric| metric.is_streamed());
    let totals = streamed
        .map(|metric| Total { metric: *metric, now: of(&now, metric), previous: of(&before, metric) })
        .collect();
    let mut unique_visitors = None;
    if scope == Scope::Shop {
        let exact = (of(&now, &Metric::Visitors).total, of(&before, &Metric::Visitors).total);
        unique_visitors = Some(exact);
        if period.length() > 1 {
            let previous = period.previous();
            let now = data::figure::sketch_of(&mut session, period.from, period.to).await?.estimate();
            let before = data::figure::sketch_of(&mut session, previous.from, previous.to).await?.estimate();
            unique_visitors = Some((now, before));
        }
    }
    Ok(Totals { totals, unique_visitors })
}

fn summed(sums: &Sums) -> BTreeMap<Metric, Sum> {
    let mut all: BTreeMap<Metric, Sum> = BTreeMap::new();
    for (window, sum) in sums {
        let all = all.entry(window.metric).or_default();
        all.total += sum.total;
        all.amount_fen = Fen(all.amount_fen.0 + sum.amount_fen.0);
    }
    all
}

/// Of which pages, products or channels there was most.
pub async fn top(
    app: &App,
    scope: Scope,
    metric: Metric,
    period: Period,
    limit: i64,
) -> Result<Vec<Top>, Error<FigureRefusal>> {
    bounded(period, Grain::Day)?;
    let mut session = app.database.read().await?;
    let rows = data::figure::top(&mut session, scope, metric, period.bounds(), limit).await?;
    Ok(rows.into_iter().map(|(key, total, amount_fen)| Top { key, total, amount_fen }).collect())
}

/// Who came back, by first day.
pub async fn retention(app: &App, period: Period) -> Result<Vec<Retention>, Error<FigureRefusal>> {
    bounded(period, Grain::Day)?;
    let mut session = app.database.read().await?;
    let sums = data::figure::by_day(&mut session, (Scope::Shop, ""), period.bounds()).await?;
    let of = |metric, day| sums.get(&of_shop(metric, day)).map(|sum| sum.total);
    let row = |day: Day| Retention {
        day,
        new_visitors: of(Metric::NewVisitors, day).unwrap_or_default(),
        retained: RETENTION.iter().filter_map(|(after, metric)| Some((*after, of(*metric, day)?))).collect(),
    };
    Ok(period.days().map(row).collect())
}

/// How many of the visitors of each day came how far, step by step, summed over the days.
pub async fn funnel(app: &App, period: Period) -> Result<Vec<(Metric, i64)>, Error<FigureRefusal>> {
    bounded(period, Grain::Day)?;
    let mut session = app.database.read().await?;
    let sums = summed(&data::figure::by_day(&mut session, (Scope::Shop, ""), period.bounds()).await?);
    Ok(FUNNEL.iter().map(|step| (*step, sums.get(step).copied().unwrap_or_default().total)).collect())
}
