//! Claims about people: signing in with WeChat, and what a person keeps here.

use crate::support::{
    app::{APPS, TestApp},
    client::{Answer, User},
    rows::{same, tables_with},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use weizhan::{
    model::time::minutes,
    simulator::{Failure, NewUser},
};

async fn sign_in(app: &TestApp, appid: &str, code: &str) -> Answer {
    app.nobody().post("/v1/login").json(&json!({ "appid": appid, "code": code })).send().await
}

fn add(app: &TestApp, new: NewUser) {
    app.simulator.add_user(new).expect("a user of WeChat");
}

fn named(id: &str) -> NewUser {
    NewUser { id: Some(id.to_owned()), ..NewUser::default() }
}

async fn count(app: &TestApp, table: &str) -> i64 {
    let text = same(format!("SELECT COUNT(*) FROM {table}"));
    app.app.database.read().await.unwrap().number(text, ()).await.unwrap()
}

#[tokio::test]
async fn the_first_sign_in_makes_the_person_and_the_next_finds_it() {
    let app = TestApp::new().await;
    let first = app.buyer("ann").await;
    let user = json!({ "id": first.signed_in["user"]["id"], "nickname": "", "avatar_url": "", "phone": null });
    assert_eq!(first.signed_in["user"], user);
    assert_eq!(first.get("/v1/me").send().await.expect(200), user);
    let again = app.buyer("ann").await;
    assert_eq!(again.signed_in["user"], user);
    assert_ne!(again.refresh_token(), first.refresh_token());
    assert_ne!(app.buyer("bob").await.signed_in["user"]["id"], user["id"]);
    assert_eq!((count(&app, "users").await, count(&app, "identities").await, count(&app, "sign_ins").await), (2, 2, 3));
    app.end().await;
}

#[tokio::test]
async fn a_code_that_wechat_refuses_opens_nothing() {
    let app = TestApp::new().await;
    add(&app, named("ann"));
    add(&app, NewUser { risky: true, ..named("eve") });
    let code = |appid, name| app.simulator.js_code(appid, name).expect("code");
    let (here, there) = (APPS[0].0, APPS[1].0);
    let used = code(here, "ann");
    sign_in(&app, here, &used).await.expect(200);
    let late = code(here, "ann");
    let phone = app.simulator.phone_code(here, "ann").expect("code");
    let risky = code(here, "eve");
    for (appid, code, status, problem, pointer) in [
        (here, "no-such-code", 422, "wechat.code_invalid", "/code"),
        (here, &used, 422, "wechat.code_invalid", "/code"),
        (here, &phone, 422, "wechat.code_invalid", "/code"),
        (there, &late, 422, "wechat.code_invalid", "/code"),
        ("wxc3333333333333333", &late, 422, "user.app_unknown", "/appid"),
        (here, &risky, 403, "wechat.user_blocked", ""),
    ] {
        let refused = sign_in(&app, appid, code).await.expect_problem(status, problem);
        assert_eq!(refused["errors"][0]["pointer"].as_str().unwrap_or_default(), pointer, "{refused}");
    }
    app.advance(minutes(5));
    sign_in(&app, here, &late).await.expect_problem(422, "wechat.code_invalid");
    assert_eq!((count(&app, "users").await, count(&app, "sign_ins").await), (1, 1));
    app.end().await;
}

#[tokio::test]
async fn a_wechat_that_does_not_answer_is_told_apart_from_a_wrong_code() {
    let app = TestApp::new().await;
    add(&app, named("ann"));
    let code = app.simulator.js_code(APPS[0].0, "ann").expect("code");
    app.simulator.faults().change(|faults| faults.busy = true);
    let busy = sign_in(&app, APPS[0].0, &code).await;
    assert!(busy.headers.contains_key("retry-after"));
    busy.expect_problem(503, "wechat.busy");
    app.simulator.faults().clear();
    let path = "/sns/jscode2session".to_owned();
    let failure = Failure { path, method: None, count: 100, status: 200, code: "45011".to_owned() };
    app.simulator.faults().change(|faults| faults.fail.push(failure));
    let slower = sign_in(&app, APPS[0].0, &code).await;
    assert!(slower.headers.contains_key("retry-after"));
    slower.expect_problem(429, "wechat.too_many");
    app.simulator.faults().clear();
    sign_in(&app, APPS[0].0, &code).await.expect(200);
    app.end().await;
}

#[tokio::test]
async fn one_person_in_two_mini_programs_is_one() {
    let app = TestApp::new().await;
    let here = app.buyer("ann").await;
    let there = app.buyer_in(APPS[1].0, "ann").await;
    assert_eq!(here.signed_in["user"], there.signed_in["user"]);
    assert_eq!((count(&app, "users").await, count(&app, "identities").await), (1, 2));
    here.address().await;
    assert_eq!(there.get("/v1/addresses").send().await.expect(200).as_array().map(Vec::len), Some(1));
    app.end().await;
}

#[tokio::test]
async fn first_sign_ins_at_once_make_one_person() {
    let app = TestApp::new().await;
    add(&app, named("ann"));
    let codes: Vec<_> =
        (0..8).map(|at| APPS[at % 2].0).map(|appid| (appid, app.simulator.js_code(appid, "ann").unwrap())).collect();
    let answers = codes.iter().map(|(appid, code)| sign_in(&app, appid, code));
    let answers = futures_util::future::join_all(answers).await;
    let ids: Vec<_> = answers.into_iter().map(|answer| answer.expect(200)["user"]["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!((count(&app, "users").await, count(&app, "identities").await, count(&app, "sign_ins").await), (1, 2, 8));
    app.end().await;
}

#[tokio::test]
async fn openids_that_differ_in_case_alone_are_two_people() {
    let app = TestApp::new().await;
    let openids = [
        "oAbCdEfGhIjKlMnOpQrStUvWxYz0",
        "oabcdefghijklmnopqrstuvwxyz0",
        "oAbCdEfGhIjKlMnOpQrStUvWxYz0-",
        "oAbCdEfGhIjKlMnOpQrStUvWxYz",
    ];
    let mut ids = Vec::new();
    for (name, openid) in ["a", "b", "c", "d"].into_iter().zip(openids) {
        let openids = BTreeMap::from([(APPS[0].0.to_owned(), openid.to_owned())]);
        add(&app, NewUser { openids, ..named(name) });
        ids.push(app.buyer(name).await.signed_in["user"]["id"].to_string());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    // A space at the end would be no difference for MySQL, whose comparison pads: it is nobody's name, so the
    // answer is not WeChat's.
    let openids = BTreeMap::from([(APPS[0].0.to_owned(), format!("{} ", openids[0]))]);
    add(&app, NewUser { openids, ..named("e") });
    let code = app.simulator.js_code(APPS[0].0, "e").unwrap();
    sign_in(&app, APPS[0].0, &code).await.expect_problem(503, "wechat.busy");
    assert_eq!(count(&app, "users").await, 4);
    app.end().await;
}

#[tokio::test]
async fn a_disabled_person_does_not_come_in() {
    let app = TestApp::new().await;
    app.buyer("ann").await;
    let mut session = app.app.database.write().await.unwrap();
    session.execute(same("UPDATE users SET state = 'disabled'".to_owned()), ()).await.unwrap();
    session.commit().await.unwrap();
    let code = app.simulator.js_code(APPS[0].0, "ann").unwrap();
    sign_in(&app, APPS[0].0, &code).await.expect_problem(403, "user.disabled");
    assert_eq!(count(&app, "sign_ins").await, 1);
    app.end().await;
}

#[tokio::test]
async fn a_profile_is_what_its_person_wrote() {
    let app = TestApp::new().await;
    let (ann, bob) = (app.buyer("ann").await, app.buyer("bob").await);
    let nickname = "安妮 🧧 %_'\\";
    let body = json!({ "nickname": nickname, "avatar_url": "" });
    let changed = ann.put("/v1/me").json(&body).send().await.expect(200);
    assert_eq!((&changed["nickname"], &changed["avatar_url"]), (&json!(nickname), &json!("")));
    assert_eq!(ann.get("/v1/me").send().await.expect(200), changed);
    assert_eq!(bob.get("/v1/me").send().await.expect(200)["nickname"], "");
    for avatar_url in ["https://elsewhere/a.png", "//elsewhere/a.png", "/objects/A.png", "javascript:alert(1)"] {
        let body = json!({ "nickname": "", "avatar_url": avatar_url });
        ann.put("/v1/me").json(&body).send().await.expect_problem(422, "http.invalid");
    }
    app.end().await;
}

async fn bind(app: &TestApp, user: &User, name: &str) -> Answer {
    let code = app.simulator.phone_code(APPS[0].0, name).expect("code");
    user.post("/v1/me/phone").json(&json!({ "code": code })).send().await
}

#[tokio::test]
async fn a_phone_number_is_kept_sealed_and_belongs_to_one_person() {
    let app = TestApp::new().await;
    let phone = || Some("13912345678".to_owned());
    add(&app, NewUser { phone: phone(), ..named("ann") });
    add(&app, NewUser { phone: phone(), ..named("bob") });
    let (ann, bob) = (app.buyer("ann").await, app.buyer("bob").await);
    assert_eq!(bind(&app, &ann, "ann").await.expect(200)["phone"], "+8613912345678");
    assert_eq!(bind(&app, &ann, "ann").await.expect(200)["phone"], "+8613912345678", "again");
    bind(&app, &bob, "bob").await.expect_problem(409, "user.phone_taken");
    assert_eq!(bob.get("/v1/me").send().await.expect(200)["phone"], Value::Null);
    let used = app.simulator.phone_code(APPS[0].0, "ann").unwrap();
    let login = app.simulator.js_code(APPS[0].0, "ann").unwrap();
    ann.post("/v1/me/phone").json(&json!({ "code": used })).send().await.expect(200);
    for code in [&used, &login, "no-such-code"] {
        ann.post("/v1/me/phone").json(&json!({ "code": code })).send().await.expect_problem(422, "wechat.code_invalid");
    }
    app.end().await;
}

#[tokio::test]
async fn what_is_personal_occurs_in_no_table() {
    let app = TestApp::new().await;
    add(&app, NewUser { phone: Some("13912345678".to_owned()), ..named("ann") });
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    bind(&app, &ann, "ann").await.expect(200);
    ann.order(&goods, 1).await.expect(201);
    let session_key = app.simulator.add_user(named("ann")).unwrap().accounts[APPS[0].0].session_key.clone();
    assert_eq!(session_key.len(), 24);
    let access = ann.signed_in["access_token"].as_str().unwrap();
    let tag = ann.refresh_token().split('.').next_back().unwrap();
    // The number, the name and street of the address, WeChat's key, and both tokens.
    for text in ["13912345678", "王小明", "文三路", "13800000000", &session_key, access, tag] {
        assert_eq!(tables_with(&app.app.database, text.as_bytes()).await, Vec::<String>::new(), "{text}");
    }
    assert_eq!(
        tables_with(&app.app.database, "龙井".as_bytes()).await,
        ["audit", "idempotency_keys", "order_lines", "products"]
    );
    app.end().await;
}
