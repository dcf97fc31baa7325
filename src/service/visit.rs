//! Figures that WeChat counts of a mini-program, brought in once a day, to be shown beside our own.

use crate::{
    app::App,
    data,
    model::{
        figure::{FigureRefusal, Grain, Metric, Period, Scope},
        job::{Claim, Work},
        time::{Day, Timestamp, minutes},
        visit::{RETURNS, Visit, VisitMetric as M, VisitScope},
    },
    service::{
        Error, Never, attempt, figure,
        job::{self, Next},
    },
    wechat::{self, ErrorKind, Returned, VisitPage, VisitSummary, VisitTrend},
};
use std::{collections::BTreeMap, time::Duration};

/// Days that are brought in when they were not before: WeChat was away, or this shop was.
const DAYS_BACK: u64 = 7;
/// How long until a day is asked for again that WeChat has not counted yet.
const AGAIN: Duration = minutes(60);
/// How long after the beginning of the job a day is waited for.
const PATIENCE: Duration = minutes(12 * 60);
/// Most pages of a day that are kept.
const PAGES_MAX: usize = 200;
/// Most characters of the path of a page that are kept.
const PATH_CHARS_MAX: usize = 255;

/// What came of one day of one mini-program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// It is here.
    Here,
    /// WeChat has not counted it yet.
    NotYet,
}

/// Bring in every day that is due of every mini-program. Doing so twice changes nothing.
///
/// A mini-program that has no right to its figures is passed over; one that WeChat does not answer for keeps no other from
/// its figures, and the job is tried again.
pub async fn import(app: &App, claim: &Claim, slot: i64) -> Result<(), Error<Never>> {
    let today = Day(Timestamp(slot).day());
    let (mut waits, mut failed) = (false, None);
    let apps = app.config.wechat.apps.iter().filter(|_| app.config.figures.import_visits);
    for appid in apps.map(|known| known.appid.as_str()) {
        match bring_in(app, appid, today).await {
            Ok(Came::Here) => {}
            Ok(Came::NotYet) => waits = true,
            Err(error) => match error_of(&error) {
                Some(ErrorKind::Config) => {
                    tracing::warn!(appid, error = told(&error), "WeChat does not give this mini-program's figures");
                }
                _ => failed = Some(error),
            },
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let (now, until) = (app.now(), Timestamp(slot).plus(PATIENCE));
    let next =
        if waits && now < until { Next::Again(Work::ImportVisits { slot }, now.plus(AGAIN)) } else { Next::Done };
    job::end_alone(app, claim, &next).await
}

fn error_of(error: &Error<Never>) -> Option<ErrorKind> {
    match error {
        Error::Fault(fault) => fault.wechat().map(wechat::Error::kind),
        Error::Refused(_) => None,
    }
}

fn told(error: &Error<Never>) -> String {
    match error {
        Error::Fault(fault) => fault.chain(),
        Error::Refused(never) => never.to_string(),
    }
}

async fn bring_in(app: &App, appid: &str, today: Day) -> Result<Came, Error<Never>> {
    let mut came = Came::Here;
    for back in (1..=DAYS_BACK).rev() {
        let day = today.before(back);
        let known = data::visit::is_known(&mut app.database.read().await?, appid, day, VisitScope::App).await?;
        if !known && bring_in_day(app, appid, day).await? == Came::NotYet && back == 1 {
            came = Came::NotYet;
        }
    }
    // How many came again grows with each day.
    for back in RETURNS {
        let day = today.before(back);
        let returns = app.wechat.visit_returns(appid, day).await?;
        let rows = |scope, returned: &[Returned]| {
            returned.iter().map(|one| row(day, scope, &one.key.to_string(), M::Visitors, one.value)).collect()
        };
        store(app, appid, day, VisitScope::NewUsers, rows(VisitScope::NewUsers, &returns.visit_uv_new)).await?;
        store(app, appid, day, VisitScope::Users, rows(VisitScope::Users, &returns.visit_uv)).await?;
    }
    Ok(came)
}

/// The pages before the whole, which says that the day is here.
async fn bring_in_day(app: &App, appid: &str, day: Day) -> Result<Came, Error<Never>> {
    let Some(trend) = app.wechat.visit_trend(appid, day).await? else { return Ok(Came::NotYet) };
    let summary = app.wechat.visit_summary(appid, day).await?;
    let mut pages = app.wechat.visit_pages(appid, day).await?;
    pages.sort_by(|a, b| b.page_visit_pv.cmp(&a.page_visit_pv).then_with(|| a.page_path.cmp(&b.page_path)));
    pages.truncate(PAGES_MAX);
    store(app, appid, day, VisitScope::Page, pages.iter().flat_map(|page| of_page(day, page)).collect()).await?;
    store(app, appid, day, VisitScope::App, of_app(day, trend, summary)).await?;
    Ok(Came::Here)
}

/// What is empty stands in for nothing that was there.
async fn store(app: &App, appid: &str, day: Day, scope: VisitScope, rows: Vec<Visit>) -> Result<(), Error<Never>> {
    if rows.is_empty() {
        return Ok(());
    }
    // Two paths that are the same once they are cut are one.
    let rows: BTreeMap<_, _> = rows.into_iter().map(|row| ((row.name.clone(), row.metric.word()), row)).collect();
    let rows: Vec<Visit> = rows.into_values().collect();
    attempt(|| async {
        let mut session = app.database.write().await?;
        data::visit::replace(&mut session, appid, (day, scope), &rows).await?;
        session.commit().await?;
        Ok(())
    })
    .await
}

fn row(day: Day, scope: VisitScope, name: &str, metric: M, value: i64) -> Visit {
    Visit { day, scope, name: name.chars().take(PATH_CHARS_MAX).collect(), metric, value }
}

fn of_app(day: Day, trend: VisitTrend, summary: Option<VisitSummary>) -> Vec<Visit> {
    let mut all = vec![
        (M::Sessions, trend.session_cnt),
        (M::PageViews, trend.visit_pv),
        (M::Visitors, trend.visit_uv),
        (M::NewVisitors, trend.visit_uv_new),
        (M::StayMs, thousandths(trend.stay_time_uv)),
        (M::SessionMs, thousandths(trend.stay_time_session)),
        (M::DepthThousandths, thousandths(trend.visit_depth)),
    ];
    if let Some(summary) = summary {
        all.push((M::AllVisitors, summary.visit_total));
        all.push((M::Shares, summary.share_pv));
        all.push((M::Sharers, summary.share_uv));
    }
    all.into_iter().map(|(metric, value)| row(day, VisitScope::App, "", metric, value)).collect()
}

fn of_page(day: Day, page: &VisitPage) -> Vec<Visit> {
    let all = [
        (M::PageViews, page.page_visit_pv),
        (M::Visitors, page.page_visit_uv),
        (M::StayMs, thousandths(page.page_staytime_pv)),
        (M::Entries, page.entrypage_pv),
        (M::Exits, page.exitpage_pv),
        (M::Shares, page.page_share_pv),
        (M::Sharers, page.page_share_uv),
    ];
    all.into_iter().map(|(metric, value)| row(day, VisitScope::Page, &page.page_path, metric, value)).collect()
}

/// WeChat's averages are small: what is no number, or beyond a day and more, is none.
#[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
fn thousandths(average: f64) -> i64 {
    if average.is_finite() { (average.clamp(0.0, 1e9) * 1_000.0).round() as i64 } else { 0 }
}

/// A day as WeChat counts it, and as the shop does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Which day.
    pub day: Day,
    /// What WeChat counted; empty where it has not been brought in.
    pub wechat: BTreeMap<&'static str, i64>,
    /// How many of those whose first day it was came again, by days after it.
    pub new_users_back: BTreeMap<u64, i64>,
    /// The same of all who came that day.
    pub users_back: BTreeMap<u64, i64>,
    /// Pages shown, as the shop counts them, over all its mini-programs.
    pub own_page_views: i64,
    /// Visitors, as the shop counts them.
    pub own_visitors: i64,
}

/// WeChat's figures of a mini-program beside our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visits {
    /// Of which mini-program.
    pub appid: String,
    /// Every day of the period.
    pub days: Vec<Compared>,
    /// Its pages over all of these days, up to 100, those that were shown most first.
    pub pages: Vec<(String, BTreeMap<&'static str, i64>)>,
}

/// Most pages that are shown.
const PAGES_SHOWN: usize = 100;

/// Show those of a mini-program: of the first, unless another is named.
pub async fn show(app: &App, named: Option<&str>, period: Period) -> Result<Visits, Error<FigureRefusal>> {
    let mut known = app.config.wechat.apps.iter().map(|known| known.appid.clone());
    let appid = known.find(|appid| named.is_none_or(|named| named == appid)).ok_or(FigureRefusal::AppUnknown)?;
    let own = async |metric| {
        let (grain, scope) = (Grain::Day, Scope::Shop);
        let wanted = figure::Wanted { metric, grain, scope, key: String::new(), period, compare: false };
        figure::series(app, &wanted).await
    };
    let (views, visitors) = (own(Metric::PageView).await?, own(Metric::Visitors).await?);
    let mut session = app.database.read().await?;
    let bounds = (period.from, period.to);
    let mut days: BTreeMap<Day, Compared> = views
        .points
        .iter()
        .zip(&visitors.points)
        .map(|(views, visitors)| {
            let day = Day(views.start_ms.day());
            let (wechat, new_users_back, users_back) = <(_, _, _)>::default();
            let (own_page_views, own_visitors) = (views.total, visitors.total);
            (day, Compared { day, wechat, new_users_back, users_back, own_page_views, own_visitors })
        })
        .collect();
    for scope in [VisitScope::App, VisitScope::NewUsers, VisitScope::Users] {
        for row in data::visit::list(&mut session, &appid, bounds, scope).await? {
            let Some(day) = days.get_mut(&row.day) else { continue };
            match (scope, row.name.parse()) {
                (VisitScope::NewUsers, Ok(after)) => drop(day.new_users_back.insert(after, row.value)),
                (VisitScope::Users, Ok(after)) => drop(day.users_back.insert(after, row.value)),
                _ => drop(day.wechat.insert(row.metric.word(), row.value)),
            }
        }
    }
    let mut pages: BTreeMap<String, BTreeMap<&str, i64>> = BTreeMap::new();
    for row in data::visit::list(&mut session, &appid, bounds, VisitScope::Page).await? {
        // Averages, and people who were there on two days, do not add up.
        if !matches!(row.metric, M::StayMs | M::Visitors | M::Sharers) {
            *pages.entry(row.name).or_default().entry(row.metric.word()).or_default() += row.value;
        }
    }
    let mut pages: Vec<_> = pages.into_iter().collect();
    let shown = |figures: &BTreeMap<&str, i64>| figures.get(M::PageViews.word()).copied().unwrap_or(0);
    pages.sort_by(|(a, a_figures), (b, b_figures)| shown(b_figures).cmp(&shown(a_figures)).then_with(|| a.cmp(b)));
    pages.truncate(PAGES_SHOWN);
    Ok(Visits { appid, days: days.into_values().collect(), pages })
}
