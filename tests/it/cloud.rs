//! Claimed: who calls through WeChat Cloud Run is believed only where that is switched on, and only as its gateway says it.

use crate::support::{
    app::{APPS, Setup, TestApp},
    client::{Answer, User},
    rows::{changed, dump, same},
};

async fn behind_cloud(on: bool) -> TestApp {
    let overrides = vec![("server.cloud_run", on.to_string())];
    TestApp::with(Setup { overrides, ..Setup::default() }).await
}

/// A login as the gateway passes it on, without one of its headers.
async fn login(app: &TestApp, appid: &str, without: &str) -> Answer {
    let headers =
        [("x-wx-source", "wx_client"), ("x-wx-appid", appid), ("x-wx-openid", "oCloud"), ("x-wx-unionid", "uCloud")];
    let mut request = app.nobody().post("/v1/login/cloud");
    for (name, value) in headers.into_iter().filter(|(name, _)| *name != without) {
        request = request.header(name, value);
    }
    request.send().await
}

#[tokio::test]
async fn the_gateway_names_the_caller_and_the_same_person_comes_back() {
    let app = behind_cloud(true).await;
    let first = login(&app, APPS[0].0, "").await.expect(200);
    let person = User::new(&app.nobody(), &first);
    assert_eq!(person.get("/v1/me").send().await.expect(200)["id"], first["user"]["id"]);
    let again = login(&app, APPS[0].0, "x-wx-unionid").await.expect(200);
    assert_eq!(again["user"]["id"], first["user"]["id"]);
    let beside = login(&app, APPS[1].0, "").await.expect(200);
    assert_eq!(beside["user"]["id"], first["user"]["id"], "one person in both mini-programs");
    login(&app, "wx9", "").await.expect_problem(422, "user.app_unknown");
    for missing in ["x-wx-source", "x-wx-openid", "x-wx-appid"] {
        login(&app, APPS[0].0, missing).await.expect_problem(401, "cloud.caller_missing");
    }
    app.end().await;
}

#[tokio::test]
async fn elsewhere_the_same_headers_name_nobody() {
    let app = behind_cloud(false).await;
    login(&app, APPS[0].0, "").await.expect_problem(401, "cloud.caller_missing");
    app.end().await;
}

#[tokio::test]
async fn a_person_who_signed_in_with_a_code_keeps_its_key_when_it_comes_from_the_cloud() {
    let app = behind_cloud(true).await;
    app.buyer("ann").await;
    let openid = app.simulator.openid(APPS[0].0, "ann").expect("an openid");
    let before = dump(&app.app.database).await;
    let keys = async || {
        let text = same("SELECT HEX(session_key_sealed) FROM identities".to_owned());
        app.app.database.read().await.expect("read").all::<(String,)>(text, ()).await.expect("rows")
    };
    let key = keys().await;
    let request = app.nobody().post("/v1/login/cloud").header("x-wx-source", "s").header("x-wx-appid", APPS[0].0);
    request.header("x-wx-openid", &openid).send().await.expect(200);
    assert_eq!(keys().await, key);
    assert!(!changed(&before, &dump(&app.app.database).await).contains(&"users".to_owned()), "no second person");
    app.end().await;
}
