//! WeChat's figures beside our own.

use super::{DAYS, Form, period, shown};
use crate::{
    app::App,
    http::{
        extract::{FigureRead, Params, Staff},
        problem::Problem,
    },
    model::time::Day,
    service::{self, visit::Compared},
};
use axum::{extract::State, response::Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Of which mini-program, and which days.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct VisitParams {
    /// The mini-program; the first of the settings unless another is named.
    #[garde(length(max = 32))]
    #[param(max_length = 32)]
    appid: Option<String>,
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

/// WeChat's figures of a mini-program beside our own.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct VisitsView {
    /// Of which mini-program.
    appid: String,
    /// Each day of the period, in order.
    days: Vec<VisitDayView>,
    /// Its pages over all of these days, up to 100, those that were shown most first.
    pages: Vec<VisitPageView>,
}

/// A day as WeChat counts it, and as the shop does.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct VisitDayView {
    /// Which day.
    day: Day,
    /// What WeChat counted, by metric; empty where it has not been brought in. Times are averages in milliseconds.
    wechat: BTreeMap<&'static str, i64>,
    /// How many of WeChat's new users of the day came again, by days after it.
    new_users_back: BTreeMap<u64, i64>,
    /// How many of all its users of the day came again.
    users_back: BTreeMap<u64, i64>,
    /// Pages shown, as the shop counts them over all its mini-programs.
    own_page_views: i64,
    /// Visitors, as the shop counts them.
    own_visitors: i64,
}

impl From<Compared> for VisitDayView {
    fn from(one: Compared) -> Self {
        let Compared { day, wechat, new_users_back, users_back, own_page_views, own_visitors } = one;
        Self { day, wechat, new_users_back, users_back, own_page_views, own_visitors }
    }
}

/// A page.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct VisitPageView {
    /// Which.
    path: String,
    /// What WeChat counted, by metric.
    wechat: BTreeMap<&'static str, i64>,
}

/// What WeChat counted of a mini-program (数据分析), beside the shop's own figures. It is brought in once a day.
#[utoipa::path(get, path = "/admin/v1/figures/wechat", operation_id = "staff.figure.wechat", tag = "staff",
    security(("staff" = ["figure.read"])), params(VisitParams), responses((status = 200, body = VisitsView)))]
pub(in crate::http) async fn wechat(
    State(app): State<App>,
    _: Staff<FigureRead>,
    Params(params): Params<VisitParams>,
) -> Result<Response, Problem> {
    let period = period(&app, params.from, params.to, DAYS);
    let visits = service::visit::show(&app, params.appid.as_deref(), period).await?;
    let mut table = Vec::new();
    for one in &visits.days {
        for (metric, value) in &one.wechat {
            let own = match *metric {
                "page_views" => one.own_page_views.to_string(),
                "visitors" => one.own_visitors.to_string(),
                _ => String::new(),
            };
            table.push(vec![one.day.to_string(), (*metric).to_owned(), value.to_string(), own]);
        }
    }
    let pages = visits.pages.into_iter().map(|(path, wechat)| VisitPageView { path, wechat }).collect();
    let json = VisitsView { appid: visits.appid, days: visits.days.into_iter().map(Into::into).collect(), pages };
    shown(params.format, &["day", "metric", "wechat", "own"], &table, json)
}
