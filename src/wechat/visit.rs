//! What WeChat counts of a mini-program (数据分析), a day at a time. A list without an item is a day that it has not
//! counted yet, and not one without visitors.

use super::{Error, Wechat};
use crate::model::time::Day;
use serde::{Deserialize, Serialize};

/// The figures of a day.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct VisitTrend {
    /// Times it was opened.
    pub session_cnt: i64,
    /// Pages shown.
    pub visit_pv: i64,
    /// Visitors.
    pub visit_uv: i64,
    /// Those whose first day it was.
    pub visit_uv_new: i64,
    /// How long a visitor stayed, in seconds.
    pub stay_time_uv: f64,
    /// How long a session was, in seconds.
    pub stay_time_session: f64,
    /// Pages of a session.
    pub visit_depth: f64,
}

/// Sums since the beginning, and shares of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct VisitSummary {
    /// Visitors since the beginning.
    pub visit_total: i64,
    /// Shares.
    pub share_pv: i64,
    /// Those who shared.
    pub share_uv: i64,
}

/// The figures of a page.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct VisitPage {
    /// Which.
    pub page_path: String,
    /// How often it was shown.
    pub page_visit_pv: i64,
    /// To how many.
    pub page_visit_uv: i64,
    /// How long it was looked at, in seconds.
    pub page_staytime_pv: f64,
    /// Sessions that began there.
    pub entrypage_pv: i64,
    /// Sessions that ended there.
    pub exitpage_pv: i64,
    /// How often it was shared.
    pub page_share_pv: i64,
    /// By how many.
    pub page_share_uv: i64,
}

/// Who came again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VisitReturns {
    /// Of those whose first day it was: after how many days, and how many.
    #[serde(default)]
    pub visit_uv_new: Vec<Returned>,
    /// Of all who came that day.
    #[serde(default)]
    pub visit_uv: Vec<Returned>,
}

/// How many came again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Returned {
    /// After how many days; 0 is the day itself.
    pub key: i64,
    /// How many.
    pub value: i64,
}

#[derive(Serialize)]
struct Ask {
    begin_date: String,
    end_date: String,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default = "Vec::new")]
    list: Vec<T>,
}

impl Wechat {
    async fn datacube<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        appid: &str,
        (method, day): (&str, Day),
    ) -> Result<T, Error> {
        let date = day.0.to_string();
        let ask = Ask { begin_date: date.clone(), end_date: date };
        self.post_with_token(operation, appid, &["datacube", method], &ask).await
    }

    /// The figures of a day that is over; `None` while WeChat has none. Official page: 获取用户访问小程序数据日趋势
    /// (getDailyVisitTrend).
    pub async fn visit_trend(&self, appid: &str, day: Day) -> Result<Option<VisitTrend>, Error> {
        let method = "getweanalysisappiddailyvisittrend";
        let answer: List<VisitTrend> = self.datacube("visit_trend", appid, (method, day)).await?;
        Ok(answer.list.first().copied())
    }
    /// Sums and shares of a day; `None` while WeChat has none. Official page: 获取用户访问小程序数据概况 (getDailySummary).
    pub async fn visit_summary(&self, appid: &str, day: Day) -> Result<Option<VisitSummary>, Error> {
        let method = "getweanalysisappiddailysummarytrend";
        let answer: List<VisitSummary> = self.datacube("visit_summary", appid, (method, day)).await?;
        Ok(answer.list.first().copied())
    }
    /// The pages of a day, those that were shown most. Official page: 获取访问页面数据 (getVisitPage).
    pub async fn visit_pages(&self, appid: &str, day: Day) -> Result<Vec<VisitPage>, Error> {
        let answer: List<VisitPage> = self.datacube("visit_pages", appid, ("getweanalysisappidvisitpage", day)).await?;
        Ok(answer.list)
    }
    /// Who of those of a day came again until yesterday. Official page: 获取用户访问小程序日留存 (getDailyRetain).
    pub async fn visit_returns(&self, appid: &str, day: Day) -> Result<VisitReturns, Error> {
        self.datacube("visit_returns", appid, ("getweanalysisappiddailyretaininfo", day)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::desk::{APPID, Desk, Signer::Nobody};

    #[tokio::test]
    async fn a_list_without_an_item_is_a_day_that_is_not_counted_yet() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"access_token":"T1","expires_in":7200}"#, Nobody);
        desk.say(200, r#"{"list":[]}"#, Nobody);
        desk.say(200, "{}", Nobody);
        let full = r#"{"list":[{"ref_date":"20261122","session_cnt":4,"visit_pv":9,"visit_uv":3,"visit_uv_new":1,
            "stay_time_uv":12.25,"stay_time_session":7,"visit_depth":2.5}]}"#;
        desk.say(200, full, Nobody);
        let day = Day(20_261_122);
        let trend = || desk.wechat.visit_trend(APPID, day);
        assert_eq!((trend().await.expect("answer"), trend().await.expect("answer")), (None, None));
        let read = trend().await.expect("answer").expect("figures");
        assert_eq!((read.visit_uv, read.visit_pv, read.session_cnt), (3, 9, 4));
        assert!((read.stay_time_uv - 12.25).abs() < f64::EPSILON);
    }
}
