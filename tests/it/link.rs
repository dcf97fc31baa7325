//! Links from outside into a mini-program: made by WeChat, given again while they are good for long, and counted.

use crate::support::{
    app::{APPS, Setup, TestApp},
    client::{Answer, User},
    shop::failing,
};
use serde_json::{Value, json};
use weizhan::model::time::days;

async fn ask(owner: &User, body: &Value) -> Answer {
    owner.post("/admin/v1/links").json(body).send().await
}

fn asked(app: &TestApp) -> u64 {
    let calls = app.app.wechat.meter().calls.read();
    calls.iter().filter(|(what, ..)| what.starts_with("url_")).map(|(_, _, reading)| reading.count()).sum()
}

#[tokio::test]
async fn a_link_leads_to_its_page_and_is_given_again_while_it_is_good_for_a_day() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for (kind, start) in [("link", "https://"), ("scheme", "weixin://")] {
        let wish = json!({ "kind": kind, "page": "pages/product/product", "query": "id=7&from=短信", "days": 3 });
        let link = ask(&owner, &wish).await.expect(201);
        let url = link["url"].as_str().expect("a link");
        assert!(url.starts_with(start), "{url}");
        assert_eq!(link["expires_ms"].as_i64(), Some(app.app.now().plus(days(3)).0));
        let opened = app.simulator.scan(APPS[0].0, url).expect("a link");
        assert_eq!((opened.page.as_str(), opened.query.as_str()), ("pages/product/product", "id=7&from=短信"));
        assert_eq!(ask(&owner, &wish).await.expect(201), link);
    }
    assert_eq!(asked(&app), 2);
    app.advance(days(2) + std::time::Duration::from_secs(1));
    let owner = app.owner().await;
    let wish = json!({ "kind": "link", "page": "pages/product/product", "query": "id=7&from=短信", "days": 3 });
    ask(&owner, &wish).await.expect(201);
    assert_eq!(asked(&app), 3, "less than a day is too short to be given again");
    let list = owner.get("/admin/v1/links").send().await.expect(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(3));
    app.end().await;
}

#[tokio::test]
async fn what_wechat_makes_in_a_day_is_counted_and_no_more_is_asked_for() {
    let overrides = vec![("wechat.links_per_day", "2".to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let owner = app.owner().await;
    let wish = |query: &str| json!({ "kind": "link", "page": "pages/index", "query": query });
    ask(&owner, &wish("a=1")).await.expect(201);
    ask(&owner, &wish("a=0")).await.expect(201);
    ask(&owner, &wish("a=2")).await.expect_problem(429, "link.quota_used");
    assert_eq!(ask(&owner, &wish("a=1")).await.status, 201, "what is there is given");
    assert_eq!(asked(&app), 2);
    app.advance(days(1));
    let owner = app.owner().await;
    ask(&owner, &wish("a=2")).await.expect(201);
    // WeChat counts too, over everybody who uses the same AppSecret.
    failing(&app, "POST", "/wxa/generate_urllink", 1, 200, "44993");
    ask(&owner, &wish("a=3")).await.expect_problem(429, "link.quota_used");
    failing(&app, "POST", "/wxa/generate_urllink", 1, 200, "40165");
    ask(&owner, &wish("a=3")).await.expect_problem(422, "link.page_unknown");
    failing(&app, "POST", "/wxa/generate_urllink", 1, 200, "44990");
    assert_eq!(ask(&owner, &wish("a=3")).await.status, 503);
    app.end().await;
}

#[tokio::test]
async fn a_wish_that_wechat_would_refuse_is_refused_before() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for (body, code) in [
        (json!({ "kind": "link", "page": "/pages/index" }), "http.invalid"),
        (json!({ "kind": "link", "page": "pages/index", "days": 31 }), "http.invalid"),
        (json!({ "kind": "link", "page": "pages/index", "query": "q".repeat(1_025) }), "http.invalid"),
        (json!({ "kind": "link", "page": "pages/index", "appid": "wxnobody" }), "link.app_unknown"),
    ] {
        ask(&owner, &body).await.expect_problem(422, code);
    }
    assert_eq!(asked(&app), 0);
    app.end().await;
}
