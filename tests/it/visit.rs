//! WeChat's figures are brought in once a day, wait for a day that is not counted yet, and are shown beside our own.

use crate::support::{
    app::{APPS, Setup, TestApp},
    client::User,
    shop::failing,
};
use serde_json::{Value, json};
use weizhan::{
    compute::{lease::Lease, schedule},
    model::time::{days, minutes},
};

const TREND: &str = "/datacube/getweanalysisappiddailyvisittrend";

/// What is due by the schedule, and what follows from it.
async fn turn(app: &TestApp) {
    schedule::turn(&app.app, &mut Lease::new(&app.app, "schedule")).await.expect("the schedule");
    app.run_jobs().await;
}

async fn look(owner: &User, query: &str) -> Value {
    owner.get(&format!("/admin/v1/figures/wechat?{query}")).send().await.expect(200)
}

fn days_of(view: &Value) -> Vec<(&str, i64)> {
    let days = view["days"].as_array().expect("days");
    let views = |day: &Value| day["wechat"]["page_views"].as_i64();
    days.iter().filter_map(|day| Some((day["day"].as_str()?, views(day)?))).collect()
}

#[tokio::test]
async fn each_day_is_brought_in_once_and_shown_beside_our_own() {
    // Monday noon; the users are there from today on.
    let app = TestApp::new().await;
    for name in ["ann", "bob"] {
        let event = json!({ "id": format!("{name}-000001"), "kind": "page_view", "occurred_ms": app.clock_seconds() * 1000,
            "page": "pages/index" });
        let body =
            json!({ "source": format!("install-{name}"), "sent_ms": app.clock_seconds() * 1000, "events": [event] });
        app.buyer(name).await.post("/v1/events").json(&body).send().await.expect(200);
    }
    turn(&app).await;
    assert_eq!(app.number("SELECT COUNT(*) FROM visits").await, 0, "nobody was there yesterday");
    // Tuesday, 9:05.
    app.advance(minutes(21 * 60 + 5));
    turn(&app).await;
    weizhan::service::figure::catch_up(&app.app).await.expect("counted");
    app.buyer("cat").await;
    let owner = app.owner().await;
    let view = look(&owner, "from=2026-11-20&to=2026-11-24").await;
    assert_eq!((view["appid"].as_str(), days_of(&view)), (Some(APPS[0].0), vec![("2026-11-23", 12)]));
    let day = &view["days"][3];
    assert_eq!((&day["wechat"]["visitors"], &day["wechat"]["new_visitors"]), (&json!(2), &json!(2)));
    assert_eq!((&day["wechat"]["stay_ms"], &day["wechat"]["depth_thousandths"]), (&json!(61_500), &json!(3_000)));
    assert_eq!((&day["own_visitors"], &day["own_page_views"]), (&json!(2), &json!(2)));
    assert_eq!(view["days"].as_array().map(Vec::len), Some(5));
    let pages: Vec<_> = view["pages"].as_array().unwrap().iter().map(|page| page["path"].as_str().unwrap()).collect();
    assert_eq!(pages, ["pages/product/product", "pages/index/index", "pages/order/order"]);
    assert_eq!(view["pages"][0]["wechat"]["page_views"], 6);
    // Again, it is the same; two days on, who came again has grown.
    let before = app.rows().dump().await["visits"].clone();
    app.spoil(
        "UPDATE jobs SET state = 'ready', ended_ms = NULL WHERE kind = 'import_visits' AND run_ms > 1795450000000",
    )
    .await;
    app.run_jobs().await;
    assert_eq!(app.rows().dump().await["visits"], before);
    app.advance(days(2));
    turn(&app).await;
    let view = look(&app.owner().await, "from=2026-11-23&to=2026-11-26").await;
    assert_eq!(days_of(&view), [("2026-11-23", 12), ("2026-11-24", 18), ("2026-11-25", 18)]);
    assert_eq!(view["days"][0]["new_users_back"], json!({ "0": 2, "1": 2, "2": 2 }));
    assert_eq!(view["days"][1]["users_back"], json!({ "0": 3, "1": 3 }));
    let csv = app.owner().await.get("/admin/v1/figures/wechat?from=2026-11-23&to=2026-11-23&format=csv").send().await;
    assert!(csv.text.contains("2026-11-23,visitors,2,2"), "{}", csv.text);
    app.end().await;
}

#[tokio::test]
async fn a_day_that_wechat_has_not_counted_is_asked_for_again_and_not_taken_for_empty() {
    let app = TestApp::new().await;
    app.buyer("ann").await;
    app.buyer_in(APPS[1].0, "bob").await;
    // The schedule of a node whose day begins while WeChat's is not counted: its clock says seven.
    app.advance(minutes(19 * 60));
    let slot = app.clock_seconds() * 1000;
    let work = weizhan::model::job::Work::ImportVisits { slot };
    let mut session = app.app.database.write().await.expect("session");
    weizhan::service::job::enqueue(&app.app, &mut session, &work, app.app.now()).await.expect("a job");
    session.commit().await.expect("committed");
    app.run_jobs().await;
    let state = "SELECT state FROM jobs WHERE kind = 'import_visits'";
    assert_eq!(
        (app.rows().texts(state).await, app.number("SELECT COUNT(*) FROM visits").await),
        (vec!["ready".to_owned()], 0)
    );
    app.advance(minutes(61));
    app.run_jobs().await;
    assert_eq!(app.rows().texts(state).await, ["done"]);
    assert_eq!(app.number("SELECT COUNT(*) FROM visits WHERE scope = 'app' AND metric = 'visitors'").await, 2);
    app.end().await;
}

#[tokio::test]
async fn a_wechat_that_is_away_costs_no_day_and_one_mini_program_without_the_right_no_other() {
    let app = TestApp::new().await;
    app.buyer("ann").await;
    app.buyer_in(APPS[1].0, "bob").await;
    app.advance(minutes(21 * 60 + 5));
    // The first has no right to its figures, for the second WeChat is busy.
    failing(&app, "POST", TREND, 1, 200, "48001");
    failing(&app, "POST", TREND, 1, 200, "-1");
    turn(&app).await;
    assert_eq!(app.number("SELECT COUNT(*) FROM visits").await, 0);
    app.advance(minutes(1));
    app.run_jobs().await;
    let appids = app.rows().texts("SELECT DISTINCT appid FROM visits ORDER BY appid").await;
    assert_eq!(appids, [APPS[0].0, APPS[1].0]);
    let other = look(&app.owner().await, &format!("appid={}", APPS[1].0)).await;
    assert_eq!(days_of(&other), [("2026-11-23", 6)]);
    let nobody = app.owner().await.get("/admin/v1/figures/wechat?appid=wxnobody").send().await;
    assert_eq!((nobody.status.as_u16(), nobody.code().as_str()), (422, "figure.app_unknown"));
    app.end().await;
}

#[tokio::test]
async fn a_shop_that_does_not_want_them_asks_for_none() {
    let overrides = vec![("figures.import_visits", "false".to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    app.buyer("ann").await;
    app.advance(minutes(21 * 60 + 5));
    turn(&app).await;
    assert_eq!(app.number("SELECT COUNT(*) FROM visits").await, 0);
    assert!(app.app.wechat.meter().calls.read().iter().all(|(what, ..)| !what.starts_with("visit")));
    app.end().await;
}
