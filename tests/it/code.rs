//! Mini-program codes: one for each wish, drawn once, and its scene leads to the page and its whole query.

use crate::support::{
    app::{APPS, TestApp},
    client::{Answer, User},
    shop::failing,
};
use serde_json::{Value, json};

const DRAW: &str = "/wxa/getwxacodeunlimit";

async fn ask(owner: &User, body: &Value) -> Answer {
    owner.post("/admin/v1/codes").json(body).send().await
}

/// How often WeChat drew, or was asked to.
fn asked(app: &TestApp) -> u64 {
    let calls = app.app.wechat.meter().calls.read();
    calls.iter().filter(|(what, ..)| *what == "code").map(|(_, _, reading)| reading.count()).sum()
}

#[tokio::test]
async fn a_code_is_drawn_once_and_leads_to_the_page_with_its_whole_query() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    // Far more than the 32 characters that a code can hold, and Chinese.
    let query = format!("id=126733101583059&from=海报&note={}", "长".repeat(500));
    let wish = json!({ "page": "pages/product/product", "query": query, "width": 280 });
    let code = ask(&owner, &wish).await.expect(201);
    assert_eq!((&code["appid"], &code["version"]), (&json!(APPS[0].0), &json!("release")));
    let scene = code["scene"].as_str().expect("a scene");
    assert!(scene.len() <= 32 && scene.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let picture = app.nobody().get(code["url"].as_str().expect("an address")).send().await;
    assert_eq!((picture.status.as_u16(), picture.headers["content-type"].to_str().unwrap()), (200, "image/png"));
    let scanned = app.simulator.scan(APPS[0].0, scene).expect("a code");
    assert_eq!(scanned.page, "pages/product/product");
    let resolved = app.nobody().get(&format!("/v1/scenes/{}", scanned.scene)).send().await.expect(200);
    assert_eq!(resolved, json!({ "page": "pages/product/product", "query": query }));

    assert_eq!(ask(&owner, &wish).await.expect(201), code, "the same wish is the same code");
    assert_eq!(asked(&app), 1);
    let wider = json!({ "page": "pages/product/product", "query": query, "width": 430 });
    let other = ask(&owner, &wider).await.expect(201);
    assert_ne!(other["scene"], code["scene"]);
    let list = owner.get("/admin/v1/codes?limit=1").send().await.expect(200);
    assert_eq!((&list["items"], list["next"].is_string()), (&json!([other]), true));
    let nobody = app.nobody().get("/v1/scenes/0123456789abcdef0123").send().await;
    assert_eq!((nobody.status.as_u16(), nobody.code().as_str()), (404, "code.not_found"));
    app.end().await;
}

#[tokio::test]
async fn ten_who_ask_at_once_have_one_code() {
    let app = TestApp::crowded().await;
    let owner = app.owner().await;
    let wish = json!({ "page": "pages/index/index", "query": "a=1" });
    let answers = futures_util::future::join_all((0..10).map(|_| ask(&owner, &wish))).await;
    let scenes: std::collections::BTreeSet<_> =
        answers.into_iter().map(|answer| answer.expect(201)["scene"].to_string()).collect();
    assert_eq!((scenes.len(), app.number("SELECT COUNT(*) FROM codes").await), (1, 1));
    app.end().await;
}

#[tokio::test]
async fn a_code_that_wechat_did_not_draw_is_drawn_by_the_next_ask() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let wish = json!({ "page": "pages/index/index" });
    for (code, status, problem) in [
        ("-1", 503, "wechat.busy"),
        ("45009", 503, "wechat.busy"),
        ("45029", 503, "wechat.busy"),
        ("41030", 422, "code.page_unknown"),
    ] {
        failing(&app, "POST", DRAW, 1, 200, code);
        let answer = ask(&owner, &wish).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, problem), "{code}");
    }
    let listed = owner.get("/admin/v1/codes").send().await.expect(200);
    assert!(listed["items"][0]["url"].is_null());
    let code = ask(&owner, &wish).await.expect(201);
    assert_eq!((&code["scene"], code["url"].is_string()), (&listed["items"][0]["scene"], true));
    assert_eq!(app.number("SELECT COUNT(*) FROM codes").await, 1);
    app.end().await;
}

#[tokio::test]
async fn a_wish_that_wechat_would_refuse_is_refused_before() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for (body, code) in [
        (json!({ "page": "/pages/index" }), "http.invalid"),
        (json!({ "page": "pages/index?id=1" }), "http.invalid"),
        (json!({ "page": "" }), "http.invalid"),
        (json!({ "page": "pages/index", "width": 279 }), "http.invalid"),
        (json!({ "page": "pages/index", "query": "q".repeat(1_025) }), "http.invalid"),
        (json!({ "page": "pages/index", "appid": "wxnobody" }), "code.app_unknown"),
    ] {
        let answer = ask(&owner, &body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, code), "{body}");
    }
    assert_eq!((asked(&app), app.number("SELECT COUNT(*) FROM codes").await), (0, 0));
    app.end().await;
}
