//! What WeChat counts of a mini-program (数据分析), made up from who there is: a user comes every day from the one on which
//! they were added. A day is counted at eight the next morning.

use super::{Answer, Errcode, Words, read, token};
use crate::model::time::{Day, Timestamp, minutes};
use crate::simulator::Simulator;
use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// How long after its end a day is counted.
const COUNTED_AFTER: std::time::Duration = minutes(8 * 60);
/// The pages of the mini-program, and how often each user sees them.
const PAGES: [(&str, i64); 3] = [("pages/index/index", 2), ("pages/product/product", 3), ("pages/order/order", 1)];

#[derive(Deserialize)]
struct Ask {
    begin_date: String,
    end_date: String,
}

/// How many came on a day, and for how many it was the first; `None` when it is not counted.
struct Visitors {
    all: i64,
    new: i64,
}

/// The day that is asked for: a single one that is over.
fn asked(simulator: &Simulator, words: &HashMap<String, String>, body: &Bytes) -> Result<(Day, String), Errcode> {
    let appid = token::check(simulator, words)?;
    let ask: Ask = read(body)?;
    let digits = ask.begin_date.len() == 8 && ask.begin_date.bytes().all(|byte| byte.is_ascii_digit());
    let day = ask.begin_date.parse().ok().filter(|_| digits).map(Day).ok_or(Errcode(61500))?;
    if ask.begin_date != ask.end_date || day.start() == Timestamp::default() {
        return Err(Errcode(61501));
    }
    if day.0 >= simulator.now().day() {
        return Err(Errcode(61501));
    }
    Ok((day, appid))
}

fn visitors(simulator: &Simulator, appid: &str, day: Day) -> Option<Visitors> {
    if simulator.now() < day.end().plus(COUNTED_AFTER) {
        return None;
    }
    let ledger = simulator.lock();
    let here = ledger.users.rows().filter(|user| user.accounts.contains_key(appid));
    let days: Vec<i64> = here.map(|user| user.created_ms.day()).collect();
    let count = |fits: &dyn Fn(i64) -> bool| i64::try_from(days.iter().filter(|day| fits(**day)).count()).unwrap_or(0);
    let visitors = Visitors { all: count(&|first| first <= day.0), new: count(&|first| first == day.0) };
    Some(visitors).filter(|visitors| visitors.all > 0)
}

/// `getDailyVisitTrend`.
pub(super) async fn trend(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let (day, appid) = asked(&simulator, &words, &body)?;
    let item = |Visitors { all, new }| {
        json!({ "ref_date": day.0.to_string(), "session_cnt": 2 * all, "visit_pv": 6 * all, "visit_uv": all,
            "visit_uv_new": new, "stay_time_uv": 61.5, "stay_time_session": 30.75, "visit_depth": 3.0 })
    };
    Ok(list(day, visitors(&simulator, &appid, day).map(item)))
}

/// `getDailySummary`.
pub(super) async fn summary(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let (day, appid) = asked(&simulator, &words, &body)?;
    let item = |Visitors { all, .. }| json!({ "ref_date": day.0.to_string(), "visit_total": all, "share_pv": all, "share_uv": all });
    Ok(list(day, visitors(&simulator, &appid, day).map(item)))
}

/// `getVisitPage`.
pub(super) async fn pages(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let (day, appid) = asked(&simulator, &words, &body)?;
    let items = visitors(&simulator, &appid, day).into_iter().flat_map(|Visitors { all, .. }| {
        PAGES.map(|(path, times)| {
            json!({ "page_path": path, "page_visit_pv": times * all, "page_visit_uv": all, "page_staytime_pv": 10.25,
                "entrypage_pv": all, "exitpage_pv": all, "page_share_pv": 0, "page_share_uv": 0 })
        })
    });
    Ok(list(day, items))
}

/// `getDailyRetain`: who was new that day comes on every day after it.
pub(super) async fn returns(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let (day, appid) = asked(&simulator, &words, &body)?;
    let Some(Visitors { all, new }) = visitors(&simulator, &appid, day) else {
        return Ok(Json(json!({ "ref_date": day.0.to_string(), "visit_uv_new": [], "visit_uv": [] })));
    };
    let now = simulator.now();
    let over = |after: &i64| {
        let later = day.end().plus(crate::model::time::days(u64::try_from(*after).unwrap_or(0)));
        now >= later.plus(COUNTED_AFTER)
    };
    let days = [0, 1, 2, 3, 4, 5, 6, 7, 14, 30].into_iter().filter(over);
    let of = |value: i64| days.clone().map(|key| json!({ "key": key, "value": value })).collect::<Vec<_>>();
    Ok(Json(json!({ "ref_date": day.0.to_string(), "visit_uv_new": of(new), "visit_uv": of(all) })))
}

fn list(day: Day, items: impl IntoIterator<Item = Value>) -> Json<Value> {
    Json(json!({ "ref_date": day.0.to_string(), "list": items.into_iter().collect::<Vec<_>>() }))
}
