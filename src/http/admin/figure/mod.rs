//! Figures of the shop, for staff: as JSON, or as a table for a spreadsheet.

mod view;
pub(in crate::http) mod visit;

use crate::{
    app::App,
    http::{
        csv,
        extract::{FigureRead, Params, Staff, rows},
        problem::Problem,
    },
    model::{
        figure::{ERROR_PERCENT, Grain, Metric, Period, Scope},
        time::Day,
    },
    service::figure::{self, Point, Wanted},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use view::{CohortView, RetainedView, SeriesView, StepView, TopView, TotalView, TotalsView, UniqueView};

/// Days that are shown unless others are asked for.
const DAYS: u64 = 30;

/// In what form figures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum Form {
    /// JSON.
    #[default]
    Json,
    /// A table, as `text/csv`. Cells that look like a formula begin with an apostrophe.
    Csv,
}

/// With what figures are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum Comparison {
    /// With the period before, which is as long.
    Previous,
}

/// Which figures.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct SeriesParams {
    /// Of what; `page_view` unless said otherwise. People are counted by day only.
    #[garde(skip)]
    #[param(inline)]
    metric: Option<Metric>,
    /// How long a window is, `day` unless said otherwise: at most 2 days by the minute, 31 by the hour, 400 by the day.
    #[garde(skip)]
    #[param(inline)]
    grain: Option<Grain>,
    /// About what; `shop` unless said otherwise.
    #[garde(skip)]
    #[param(inline)]
    scope: Option<Scope>,
    /// About which: a path, an id, a channel; empty for the shop.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    key: Option<String>,
    /// The first day, in Shanghai; 29 days before the last unless it is said, and the last itself by the minute.
    #[garde(skip)]
    from: Option<Day>,
    /// The last day; today unless it is said.
    #[garde(skip)]
    to: Option<Day>,
    /// `previous`: also the period before.
    #[garde(skip)]
    #[param(inline)]
    compare: Option<Comparison>,
    /// `json` (unless said otherwise) or `csv`.
    #[garde(skip)]
    #[param(inline)]
    format: Option<Form>,
}

/// Which days, about what.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct TotalsParams {
    /// About what; `shop` unless said otherwise.
    #[garde(skip)]
    #[param(inline)]
    scope: Option<Scope>,
    /// About which: a path, an id, a channel; empty for the shop.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    key: Option<String>,
    /// The first day, in Shanghai; 29 days before the last unless it is said.
    #[garde(skip)]
    from: Option<Day>,
    /// The last day; today unless it is said.
    #[garde(skip)]
    to: Option<Day>,
    /// `json` (unless said otherwise) or `csv`.
    #[garde(skip)]
    #[param(inline)]
    format: Option<Form>,
}

/// Of which there was most.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct TopParams {
    /// Of what; `product_view` unless said otherwise.
    #[garde(skip)]
    #[param(inline)]
    metric: Option<Metric>,
    /// Of which sort; `product` unless said otherwise.
    #[garde(skip)]
    #[param(inline)]
    scope: Option<Scope>,
    /// The first day, in Shanghai; 29 days before the last unless it is said.
    #[garde(skip)]
    from: Option<Day>,
    /// The last day; today unless it is said.
    #[garde(skip)]
    to: Option<Day>,
    /// Rows, 20 unless said otherwise.
    #[garde(skip)]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `json` (unless said otherwise) or `csv`.
    #[garde(skip)]
    #[param(inline)]
    format: Option<Form>,
}

/// Which days.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct DaysParams {
    /// The first day, in Shanghai; 29 days before the last unless it is said.
    #[garde(skip)]
    from: Option<Day>,
    /// The last day; today unless it is said.
    #[garde(skip)]
    to: Option<Day>,
    /// `json` (unless said otherwise) or `csv`.
    #[garde(skip)]
    #[param(inline)]
    format: Option<Form>,
}

fn period(app: &App, from: Option<Day>, to: Option<Day>, days: u64) -> Period {
    let to = to.unwrap_or_else(|| Day(app.now().day()));
    Period { from: from.unwrap_or_else(|| to.before(days - 1)), to }
}

fn shown(form: Option<Form>, header: &[&str], rows: &[Vec<String>], json: impl Serialize) -> Result<Response, Problem> {
    match form.unwrap_or_default() {
        Form::Json => Ok(Json(json).into_response()),
        Form::Csv => csv::answer(header, rows),
    }
}

/// A figure over time, from what was counted before.
#[utoipa::path(get, path = "/admin/v1/figures/series", operation_id = "staff.figure.series", tag = "staff",
    security(("staff" = ["figure.read"])), params(SeriesParams), responses((status = 200, body = SeriesView)))]
pub(in crate::http) async fn series(
    State(app): State<App>,
    _: Staff<FigureRead>,
    Params(params): Params<SeriesParams>,
) -> Result<Response, Problem> {
    let grain = params.grain.unwrap_or(Grain::Day);
    let days = if grain == Grain::Minute { 1 } else { DAYS };
    let wanted = Wanted {
        metric: params.metric.unwrap_or(Metric::PageView),
        grain,
        scope: params.scope.unwrap_or(Scope::Shop),
        key: params.key.unwrap_or_default(),
        period: period(&app, params.from, params.to, days),
        compare: params.compare.is_some(),
    };
    let figure::Series { points, previous } = figure::series(&app, &wanted).await?;
    let row = |name: &str, point: &Point| {
        let Point { start_ms, total, amount_fen } = point;
        vec![name.to_owned(), start_ms.rfc3339(), total.to_string(), amount_fen.0.to_string()]
    };
    let before = previous.iter().flatten().map(|point| row("previous", point));
    let table: Vec<_> = before.chain(points.iter().map(|point| row("period", point))).collect();
    let view = |points: Vec<Point>| points.into_iter().map(Into::into).collect();
    let json = SeriesView { points: view(points), previous: previous.map(view) };
    shown(params.format, &["of", "start", "total", "amount_fen"], &table, json)
}

/// All figures of a period with those of the one before.
#[utoipa::path(get, path = "/admin/v1/figures/totals", operation_id = "staff.figure.totals", tag = "staff",
    security(("staff" = ["figure.read"])), params(TotalsParams), responses((status = 200, body = TotalsView)))]
pub(in crate::http) async fn totals(
    State(app): State<App>,
    _: Staff<FigureRead>,
    Params(params): Params<TotalsParams>,
) -> Result<Response, Problem> {
    let (period, key) = (period(&app, params.from, params.to, DAYS), params.key.unwrap_or_default());
    let all = figure::totals(&app, (params.scope.unwrap_or(Scope::Shop), &key), period).await?;
    let of = |metric| all.totals.iter().find(|total| total.metric == metric).map_or(0, |total| total.now.total);
    let visitors = of(Metric::Visitors);
    let error_percent = if period.length() > 1 { ERROR_PERCENT } else { 0 };
    let unique = |(total, previous_total)| UniqueView { total, previous_total, error_percent };
    let totals: Vec<_> = all
        .totals
        .iter()
        .map(|one| TotalView {
            metric: one.metric,
            total: one.now.total,
            amount_fen: one.now.amount_fen,
            previous_total: one.previous.total,
            previous_amount_fen: one.previous.amount_fen,
        })
        .collect();
    let table: Vec<_> = totals
        .iter()
        .map(|one| {
            let TotalView { metric, total, amount_fen, previous_total, previous_amount_fen } = one;
            let numbers = [*total, amount_fen.0, *previous_total, previous_amount_fen.0];
            std::iter::once(metric.to_string()).chain(numbers.map(|number| number.to_string())).collect()
        })
        .collect();
    let json = TotalsView {
        from: period.from,
        to: period.to,
        returning_visitors: visitors - of(Metric::NewVisitors),
        conversion_per_10000: of(Metric::Payers).saturating_mul(10_000).checked_div(visitors).unwrap_or(0),
        unique_visitors: all.unique_visitors.map(unique),
        totals,
    };
    shown(params.format, &["metric", "total", "amount_fen", "previous_total", "previous_amount_fen"], &table, json)
}

/// Of which products, pages or channels there was most.
#[utoipa::path(get, path = "/admin/v1/figures/top", operation_id = "staff.figure.top", tag = "staff",
    security(("staff" = ["figure.read"])), params(TopParams), responses((status = 200, body = Vec<TopView>)))]
pub(in crate::http) async fn top(
    State(app): State<App>,
    _: Staff<FigureRead>,
    Params(params): Params<TopParams>,
) -> Result<Response, Problem> {
    let (metric, scope) = (params.metric.unwrap_or(Metric::ProductView), params.scope.unwrap_or(Scope::Product));
    let (period, limit) = (period(&app, params.from, params.to, DAYS), rows(params.limit)?);
    let top = figure::top(&app, scope, metric, period, limit).await?;
    let table: Vec<_> =
        top.iter().map(|one| vec![one.key.clone(), one.total.to_string(), one.amount_fen.0.to_string()]).collect();
    let view = |figure::Top { key, total, amount_fen }| TopView { key, total, amount_fen };
    let json: Vec<_> = top.into_iter().map(view).collect();
    shown(params.format, &["key", "total", "amount_fen"], &table, json)
}

/// How many of each day's new visitors came back after 1 to 7, 14 and 30 days.
#[utoipa::path(get, path = "/admin/v1/figures/retention", operation_id = "staff.figure.retention", tag = "staff",
    security(("staff" = ["figure.read"])), params(DaysParams), responses((status = 200, body = Vec<CohortView>)))]
pub(in crate::http) async fn retention(
    State(app): State<App>,
    _: Staff<FigureRead>,
    Params(params): Params<DaysParams>,
) -> Result<Response, Problem> {
    let cohorts = figure::retention(&app, period(&app, params.from, params.to, DAYS)).await?;
    let mut table = Vec::new();
    for one in &cohorts {
        let (day, new) = (one.day.to_string(), one.new_visitors.to_string());
        table.push(vec![day.clone(), "0".to_owned(), new]);
        let later = one.retained.iter();
        table.extend(later.map(|(after, visitors)| vec![day.clone(), after.to_string(), visitors.to_string()]));
    }
    let view = |one: figure::Retention| CohortView {
        day: one.day,
        new_visitors: one.new_visitors,
        retained: one
            .retained
            .into_iter()
            .map(|(after_days, visitors)| RetainedView { after_days, visitors })
            .collect(),
    };
    let json: Vec<_> = cohorts.into_iter().map(view).collect();
    shown(params.format, &["first_day", "after_days", "visitors"], &table, json)
}

/// How many of the visitors who looked at a product came how far on the same day: cart, order, payment.
#[utoipa::path(get, path = "/admin/v1/figures/funnel", operation_id = "staff.figure.funnel", tag = "staff",
    security(("staff" = ["figure.read"])), params(DaysParams), responses((status = 200, body = Vec<StepView>)))]
pub(in crate::http) async fn funnel(
    State(app): State<App>,
    _: Staff<FigureRead>,
    Params(params): Params<DaysParams>,
) -> Result<Response, Problem> {
    let steps = figure::funnel(&app, period(&app, params.from, params.to, DAYS)).await?;
    let table: Vec<_> = steps.iter().map(|(step, visitors)| vec![step.to_string(), visitors.to_string()]).collect();
    let json: Vec<_> = steps.into_iter().map(|(step, visitors)| StepView { step, visitors }).collect();
    shown(params.format, &["step", "visitors"], &table, json)
}
