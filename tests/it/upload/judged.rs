//! Pictures and names that others see are shown once WeChat or staff have nothing against them.

use super::{Store, files, objects, push_here, sweep_all, upload};
use crate::support::{
    app::TestApp,
    client::{Answer, User},
    shop::{failing, id},
};
use serde_json::{Value, json};
use weizhan::{
    model::time::minutes,
    simulator::{Loss, Suggest},
};

const ASK: &str = "/wxa/media_check_async";

async fn open(store: Store) -> (TestApp, User) {
    let on = || "true".to_owned();
    let app = store.with(vec![("moderation.pictures", on()), ("moderation.names", on())]).await;
    push_here(&app);
    let amy = app.buyer("amy").await;
    (app, amy)
}

/// An avatar that WeChat has not been asked about.
async fn avatar(app: &TestApp, store: Store, amy: &User) -> Value {
    let picture = upload(app, store, amy, "avatar", "image/png", &files::png(32, 32)).await;
    assert_eq!(picture["hidden"], true);
    amy.put("/v1/me").json(&json!({ "nickname": "", "avatar_url": picture["url"] })).send().await.expect(200);
    picture
}

/// Whether anybody sees it, large and small.
async fn is_shown(app: &TestApp, picture: &Value) -> bool {
    let mut shown = Vec::new();
    for name in ["url", "thumbnail_url"] {
        let answer = app.nobody().get(picture[name].as_str().expect("an address")).send().await;
        assert!(matches!(answer.status.as_u16(), 200 | 404), "{}", answer.text);
        shown.push(answer.status == 200);
    }
    assert_eq!(shown[0], shown[1]);
    shown[0]
}

/// Have WeChat asked, and its answer told.
async fn judge(app: &TestApp) {
    app.run_jobs().await;
    app.deliver().await;
    app.run_jobs().await;
}

/// What staff see, whoever's sign-in may have run out.
async fn held(app: &TestApp) -> Vec<Value> {
    let list = app.owner().await.get("/admin/v1/uploads/held").send().await.expect(200);
    list["items"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_picture_is_hidden_until_wechat_has_nothing_against_it() {
    for store in [Store::Directory, Store::Cos] {
        let (app, amy) = open(store).await;
        let picture = avatar(&app, store, &amy).await;
        assert!(!is_shown(&app, &picture).await);
        judge(&app).await;
        assert!(is_shown(&app, &picture).await);
        let view = amy.get(&format!("/v1/uploads/{}", id(&picture))).send().await.expect(200);
        assert_eq!(view["hidden"], false);
        // What staff alone see is not asked about.
        let proof = upload(&app, store, &amy, "refund", "image/png", &files::png(32, 32)).await;
        assert!(is_shown(&app, &proof).await);
        app.end().await;
    }
}

#[tokio::test]
async fn staff_decide_on_what_wechat_is_against() {
    for store in [Store::Directory, Store::Cos] {
        let (app, amy) = open(store).await;
        let owner = app.owner().await;
        app.simulator.faults().change(|faults| faults.picture_suggest = Some(Suggest::Risky));
        let good = avatar(&app, store, &amy).await;
        judge(&app).await;
        app.simulator.faults().change(|faults| faults.picture_suggest = Some(Suggest::Review));
        let bad = avatar(&app, store, &amy).await;
        judge(&app).await;
        assert!(!is_shown(&app, &good).await && !is_shown(&app, &bad).await);
        let list = held(&app).await;
        let verdicts: Vec<_> = list.iter().map(|one| (id(one).to_owned(), one["verdict"].clone())).collect();
        assert_eq!(verdicts, [(id(&bad).to_owned(), json!("review")), (id(&good).to_owned(), json!("risky"))]);
        // Staff see what nobody else sees, for ten minutes.
        let address = list[0]["url"].as_str().expect("an address").to_owned();
        app.client_of(&address).get("").send().await.expect_picture();
        app.advance(minutes(11));
        let late = app.client_of(&address).get("").send().await;
        assert!(matches!(late.status.as_u16(), 403 | 404), "{}", late.status);
        let path = |picture: &Value, act: &str| format!("/admin/v1/uploads/{}/{act}", id(picture));
        owner.post(&path(&good, "allow")).send().await.expect(200);
        assert!(is_shown(&app, &good).await);
        owner.post(&path(&good, "block")).send().await.expect_problem(409, "upload.judged");
        owner.post(&path(&bad, "block")).send().await.expect(204);
        owner.post(&path(&bad, "allow")).send().await.expect_problem(404, "upload.not_found");
        assert_eq!(amy.get("/v1/me").send().await.expect(200)["avatar_url"], "", "it is shown nowhere");
        assert_eq!(objects(&app).len(), 2, "its objects went at once");
        assert_eq!(held(&app).await, Vec::<Value>::new());
        app.end().await;
    }
}

trait Picture {
    fn expect_picture(self);
}

impl Picture for Answer {
    #[track_caller]
    fn expect_picture(self) {
        assert_eq!(self.status, 200, "{}", self.text);
        assert_eq!(self.headers["content-type"], "image/png");
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_its_question_is_known_waits_for_it() {
    let (app, amy) = open(Store::Directory).await;
    let picture = avatar(&app, Store::Directory, &amy).await;
    app.run_jobs().await;
    // As if the answer of WeChat had not been written down yet.
    let trace = app.rows().texts("SELECT trace_id FROM uploads").await.remove(0);
    app.spoil("UPDATE uploads SET trace_id = ''").await;
    app.deliver().await;
    app.run_jobs().await;
    assert!(!is_shown(&app, &picture).await);
    assert_eq!(app.rows().texts("SELECT event FROM pushes WHERE outcome IS NULL").await, ["wxa_media_check"]);
    app.spoil(&format!("UPDATE uploads SET trace_id = '{trace}'")).await;
    app.advance(std::time::Duration::from_secs(11));
    app.run_jobs().await;
    assert!(is_shown(&app, &picture).await);
    app.end().await;
}

#[tokio::test]
async fn a_question_whose_answer_is_lost_is_put_again_and_in_the_end_to_staff() {
    let (app, amy) = open(Store::Directory).await;
    let lost = avatar(&app, Store::Directory, &amy).await;
    let loss = Loss { path: ASK.to_owned(), method: None, count: 1 };
    app.simulator.faults().change(|faults| faults.reply_lost.push(loss));
    failing(&app, "POST", ASK, 1, 200, "-1");
    for _ in 0..3 {
        app.advance(minutes(1));
        judge(&app).await;
    }
    assert!(is_shown(&app, &lost).await, "the third question was answered, and the message of the second is nobody's");

    app.simulator.push_to(crate::support::app::APPS[0].0, None).expect("no messages");
    let silent = avatar(&app, Store::Directory, &amy).await;
    for _ in 0..3 {
        judge(&app).await;
        assert_eq!(held(&app).await, Vec::<Value>::new());
        app.advance(minutes(36));
    }
    judge(&app).await;
    assert_eq!(held(&app).await.iter().map(|one| id(one).to_owned()).collect::<Vec<_>>(), [id(&silent)]);
    assert!(!is_shown(&app, &silent).await);
    // WeChat refuses to look at all.
    failing(&app, "POST", ASK, 1, 200, "61010");
    let refused = avatar(&app, Store::Directory, &amy).await;
    judge(&app).await;
    assert_eq!(held(&app).await.len(), 2);
    assert!(!is_shown(&app, &refused).await);
    sweep_all(&app).await;
    app.end().await;
}

#[tokio::test]
async fn a_message_that_is_not_wechats_lets_nothing_be_shown() {
    let (app, amy) = open(Store::Directory).await;
    let picture = avatar(&app, Store::Directory, &amy).await;
    app.simulator.push_to(crate::support::app::APPS[0].0, None).expect("no messages");
    app.run_jobs().await;
    let trace = app.rows().texts("SELECT trace_id FROM uploads").await.remove(0);
    // Of another mini-program of the same shop, rightly signed.
    let said = json!({ "trace_id": trace, "errcode": 0, "result": { "suggest": "pass", "label": 100 } });
    app.simulator.push_event(crate::support::app::APPS[1].0, "wxa_media_check", "oAny", &said).expect("planned");
    app.deliver().await;
    app.run_jobs().await;
    assert!(!is_shown(&app, &picture).await);
    // And of nobody: without a seal.
    let body = json!({ "MsgType": "event", "Event": "wxa_media_check", "trace_id": trace, "errcode": 0,
        "result": { "suggest": "pass", "label": 100 } });
    let path = format!("/callback/wechat/push/{}", crate::support::app::APPS[0].0);
    assert!(app.nobody().post(&path).json(&body).send().await.status.is_client_error());
    // An address that was lent is good for its own object, and as it was made.
    let url = picture["url"].as_str().expect("an address");
    for pass in ["", "1.0", "99999999999.0", &format!("99999999999.{}", "0".repeat(64))] {
        app.nobody().get(&format!("{url}?pass={pass}")).send().await.expect_problem(404, "object.not_found");
    }
    app.advance(minutes(60));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn a_name_that_wechat_advises_against_is_not_taken() {
    let (app, amy) = open(Store::Directory).await;
    let change = async |name: &str| amy.put("/v1/me").json(&json!({ "nickname": name, "avatar_url": "" })).send().await;
    for name in ["违规的名字", "疑似广告"] {
        let problem = change(name).await.expect_problem(422, "user.nickname_refused");
        assert_eq!(problem["errors"][0]["pointer"], "/nickname");
    }
    assert_eq!(change("小明").await.expect(200)["nickname"], "小明");
    // The same name again is not asked about, and nobody is asked about none.
    app.simulator.faults().change(|faults| faults.busy = true);
    change("小明").await.expect(200);
    change("").await.expect(200);
    change("小红").await.expect_problem(503, "wechat.busy");
    app.end().await;
}
