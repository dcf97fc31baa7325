//! Subscribe messages: whoever agreed is told once of each thing, and nobody else is.

use crate::support::{
    app::{APPS, PUSH_AES_KEY, PUSH_TOKEN, Setup, TestApp},
    client::User,
    shop::{Goods, failing, id},
};
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{
    model::time::minutes,
    simulator::{Loss, PushFormat, PushMode, PushTarget, SubscribeTap},
};

const SEND: &str = "/cgi-bin/message/subscribe/send";
pub const PAID: &str = "tmpl-paid";
pub const SHIPPED: &str = "tmpl-shipped";
pub const REFUNDED: &str = "tmpl-refunded";

/// A shop whose first mini-program has a template for everything.
async fn shop() -> TestApp {
    TestApp::with(Setup { overrides: templates(), ..Setup::default() }).await
}

/// The settings of such a shop.
pub fn templates() -> Vec<(&'static str, String)> {
    let mut overrides = Vec::new();
    let entries = [
        ["order_paid", PAID, "thing1", "{goods}", "amount2", "{total}", "time3", "{paid_time}"],
        [
            "order_shipped",
            SHIPPED,
            "thing1",
            "{goods}",
            "character_string2",
            "{tracking_no}",
            "time3",
            "{shipped_time}",
        ],
        ["refund_succeeded", REFUNDED, "thing1", "{reason}", "amount2", "{refund}", "time3", "{refunded_time}"],
    ];
    let keys = [
        ["messages.templates.0.appid", "messages.templates.1.appid", "messages.templates.2.appid"],
        ["messages.templates.0.occasion", "messages.templates.1.occasion", "messages.templates.2.occasion"],
        ["messages.templates.0.template_id", "messages.templates.1.template_id", "messages.templates.2.template_id"],
        ["messages.templates.0.page", "messages.templates.1.page", "messages.templates.2.page"],
        ["messages.templates.0.data", "messages.templates.1.data", "messages.templates.2.data"],
    ];
    for (place, [occasion, template, a, a_text, b, b_text, c, c_text]) in entries.into_iter().enumerate() {
        overrides.push((keys[0][place], APPS[0].0.to_owned()));
        overrides.push((keys[1][place], occasion.to_owned()));
        overrides.push((keys[2][place], template.to_owned()));
        overrides.push((keys[3][place], "pages/order?id={order_id}".to_owned()));
        overrides.push((keys[4][place], format!(r#"{{ {a} = "{a_text}", {b} = "{b_text}", {c} = "{c_text}" }}"#)));
    }
    overrides
}

/// WeChat tells what users do in this form.
fn listen(app: &TestApp, format: PushFormat) {
    let target = PushTarget {
        url: format!("{}/callback/wechat/push/{}", app.base, APPS[0].0),
        token: PUSH_TOKEN.to_owned(),
        aes_key: PUSH_AES_KEY.to_owned(),
        mode: PushMode::Secure,
        format,
    };
    app.simulator.push_to(APPS[0].0, Some(target)).expect("target");
}

/// The user answers in the mini-program; what the client is handed.
fn tap(app: &TestApp, user: &str, templates: &[&str], accept: bool, in_settings: bool) -> Value {
    let template_ids = templates.iter().map(|template| (*template).to_owned()).collect();
    let tap = SubscribeTap { appid: APPS[0].0.to_owned(), template_ids, accept, in_settings };
    app.simulator.subscribe(user, &tap).expect("answered")
}

async fn tell(buyer: &User, answers: &Value) {
    buyer.post("/v1/messages/consents").json(&json!({ "answers": answers })).send().await.expect(204);
}

/// The user agrees to one message of each template, and the client tells so.
pub async fn agree(app: &TestApp, buyer: &User, user: &str, templates: &[&str]) {
    tell(buyer, &tap(app, user, templates, true, false)).await;
}

async fn pay(app: &TestApp, buyer: &User, goods: &Goods) -> Value {
    let (order, _) = app.paid_order(buyer, goods, 1).await;
    app.run_jobs().await;
    order
}

/// What staff see, the latest first.
async fn messages(app: &TestApp) -> Vec<Value> {
    let page = app.owner().await.get("/admin/v1/messages").send().await.expect(200);
    page["items"].as_array().expect("items").clone()
}

async fn states(app: &TestApp) -> Vec<String> {
    messages(app).await.iter().map(|message| message["state"].as_str().expect("state").to_owned()).collect()
}

/// How often WeChat was asked to send, and answered or not.
fn asked(app: &TestApp) -> u64 {
    let calls = app.app.wechat.meter().calls.read();
    calls.iter().filter(|(what, ..)| *what == "message").map(|(_, _, reading)| reading.count()).sum()
}

#[tokio::test]
async fn whoever_agreed_is_told_once_of_each_thing() {
    let app = shop().await;
    listen(&app, PushFormat::Json);
    let (goods, ann, owner) = (app.goods(32_800, 5).await, app.buyer("ann").await, app.owner().await);
    let templates = ann.get("/v1/messages/templates").send().await.expect(200);
    assert_eq!(templates.as_array().map(Vec::len), Some(3));
    assert_eq!(templates[0], json!({ "occasion": "order_paid", "template_id": PAID }));
    agree(&app, &ann, "ann", &[PAID, SHIPPED, REFUNDED]).await;

    let order = pay(&app, &ann, &goods).await;
    let number = "SF1234567890";
    let parcel = json!({ "carrier": "SF", "tracking_no": number });
    owner.post(&format!("/admin/v1/orders/{}/shipment", id(&order))).json(&parcel).send().await.expect(200);
    app.run_jobs().await;
    let path = format!("/admin/v1/orders/{}/refunds", id(&order));
    let refund = json!({ "amount_fen": 800, "reason": "少发一包" });
    owner.post(&path).new_key().json(&refund).send().await.expect(201);
    for _ in 0..3 {
        app.run_jobs().await;
        app.advance(Duration::from_secs(20));
        app.deliver().await;
    }
    let sent = app.simulator.messages();
    let told: Vec<_> = sent.iter().map(|message| message.template_id.as_str()).collect();
    assert_eq!(told, [PAID, SHIPPED, REFUNDED]);
    let texts = |place: usize, name: &str| sent[place].data[name].clone();
    assert_eq!((texts(0, "thing1"), texts(0, "amount2")), ("龙井×1".to_owned(), "¥328.00".to_owned()));
    assert_eq!(texts(0, "time3"), "2026年11月23日 12:00");
    assert_eq!((texts(1, "character_string2"), texts(2, "amount2")), (number.to_owned(), "¥8.00".to_owned()));
    assert_eq!(texts(2, "thing1"), "少发一包");
    assert_eq!(sent[0].page.as_deref(), Some(&*format!("pages/order?id={}", id(&order))));
    let openid = app.simulator.openid(APPS[0].0, "ann").expect("openid");
    assert!(sent.iter().all(|message| message.openid == openid));

    let seen = messages(&app).await;
    assert_eq!(states(&app).await, ["sent"; 3]);
    assert_eq!(seen[2]["texts"]["thing1"], "龙井×1");
    assert_eq!((&seen[2]["occasion"], &seen[2]["order_id"]), (&json!("order_paid"), &order["id"]));
    app.run_jobs().await;
    assert_eq!((app.simulator.messages().len(), asked(&app)), (3, 3));
    app.end().await;
}

#[tokio::test]
async fn where_there_is_no_template_nobody_is_told_and_nothing_is_kept() {
    let app = shop().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer_in(APPS[1].0, "ann").await);
    assert_eq!(ann.get("/v1/messages/templates").send().await.expect(200), json!([]));
    tell(&ann, &json!({ PAID: "accept" })).await;
    pay(&app, &ann, &goods).await;
    assert!(messages(&app).await.is_empty());
    assert_eq!(app.number("SELECT COUNT(*) FROM message_consents").await, 0);
    app.end().await;
}

#[tokio::test]
async fn what_client_and_wechat_both_tell_of_counts_once() {
    for format in [PushFormat::Json, PushFormat::Xml] {
        let app = shop().await;
        listen(&app, format);
        let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
        agree(&app, &ann, "ann", &[PAID, SHIPPED]).await;
        app.deliver().await;
        app.run_jobs().await;
        let left = "SELECT told - used FROM message_consents WHERE template_id = 'tmpl-paid' AND told = confirmed";
        assert_eq!(app.number(left).await, 1, "{format:?}");
        for _ in 0..2 {
            pay(&app, &ann, &goods).await;
        }
        assert_eq!(states(&app).await, ["waiting", "sent"]);
        app.advance(minutes(10));
        app.run_jobs().await;
        assert_eq!((states(&app).await, asked(&app)), (vec!["unsubscribed".to_owned(), "sent".to_owned()], 1));
        app.end().await;
    }
}

#[tokio::test]
async fn a_consent_that_comes_after_the_payment_wakes_the_message() {
    let app = shop().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    pay(&app, &ann, &goods).await;
    assert_eq!((states(&app).await, asked(&app)), (vec!["waiting".to_owned()], 0));
    agree(&app, &ann, "ann", &[PAID]).await;
    app.run_jobs().await;
    assert_eq!(states(&app).await, ["sent"]);
    // The same when only WeChat tells.
    listen(&app, PushFormat::Json);
    let bob = app.buyer("bob").await;
    pay(&app, &bob, &goods).await;
    tap(&app, "bob", &[PAID], true, false);
    app.deliver().await;
    app.run_jobs().await;
    app.run_jobs().await;
    assert_eq!(states(&app).await, ["sent", "sent"]);
    app.end().await;
}

#[tokio::test]
async fn who_has_not_agreed_at_wechat_is_asked_about_once_and_never_again() {
    let app = shop().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    // A client that tells of more than there was.
    for _ in 0..3 {
        tell(&ann, &json!({ PAID: "accept", SHIPPED: "reject", "errMsg": "ok" })).await;
    }
    for _ in 0..3 {
        pay(&app, &ann, &goods).await;
    }
    app.advance(minutes(11));
    app.run_jobs().await;
    assert_eq!((states(&app).await, asked(&app)), (vec!["unsubscribed".to_owned(); 3], 1));
    let first = messages(&app).await.pop().expect("a message");
    assert_eq!(first["code"], "43101");
    assert!(first["remedy"].is_string());
    assert!(app.simulator.messages().is_empty());
    app.end().await;
}

#[tokio::test]
async fn a_refusal_in_the_settings_takes_back_what_was_agreed_to_and_one_when_asked_does_not() {
    let app = shop().await;
    listen(&app, PushFormat::Xml);
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    agree(&app, &ann, "ann", &[PAID]).await;
    tell(&ann, &tap(&app, "ann", &[PAID], false, false)).await;
    app.deliver().await;
    app.run_jobs().await;
    pay(&app, &ann, &goods).await;
    assert_eq!(states(&app).await, ["sent"]);
    agree(&app, &ann, "ann", &[PAID]).await;
    app.deliver().await;
    app.run_jobs().await;
    tap(&app, "ann", &[PAID], false, true);
    app.deliver().await;
    app.run_jobs().await;
    pay(&app, &ann, &goods).await;
    app.advance(minutes(10));
    app.run_jobs().await;
    assert_eq!((states(&app).await, asked(&app)), (vec!["unsubscribed".to_owned(), "sent".to_owned()], 1));
    app.end().await;
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_not_sent_twice() {
    let app = shop().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    agree(&app, &ann, "ann", &[PAID]).await;
    agree(&app, &ann, "ann", &[PAID]).await;
    let lost = Loss { path: SEND.to_owned(), method: None, count: 1 };
    app.simulator.faults().change(|faults| faults.reply_lost.push(lost));
    pay(&app, &ann, &goods).await;
    app.advance(minutes(30));
    app.run_jobs().await;
    assert_eq!((states(&app).await, app.simulator.messages().len()), (vec!["unknown".to_owned()], 1));
    // A node that died while it asked leaves the same behind.
    app.spoil("UPDATE messages SET state = 'sending', ended_ms = NULL").await;
    app.spoil("UPDATE jobs SET state = 'ready', ended_ms = NULL WHERE kind = 'send_message'").await;
    app.run_jobs().await;
    assert_eq!((states(&app).await, app.simulator.messages().len()), (vec!["unknown".to_owned()], 1));
    assert_eq!(messages(&app).await[0]["code"], "lost");
    assert_eq!(asked(&app), 1);
    app.end().await;
}

#[tokio::test]
async fn what_surely_was_not_sent_is_sent_later_by_the_same_consent() {
    let app = shop().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    agree(&app, &ann, "ann", &[PAID]).await;
    failing(&app, "POST", SEND, 2, 200, "-1");
    pay(&app, &ann, &goods).await;
    assert_eq!((states(&app).await, asked(&app)), (vec!["waiting".to_owned()], 1));
    assert_eq!(messages(&app).await[0]["code"], "-1");
    for _ in 0..3 {
        app.advance(Duration::from_secs(10));
        app.run_jobs().await;
    }
    assert_eq!((states(&app).await, asked(&app), app.simulator.messages().len()), (vec!["sent".to_owned()], 3, 1));
    let seen = &messages(&app).await[0];
    assert!(seen["code"].is_null() && seen["cause"].is_null(), "{seen}");
    app.end().await;
}

#[tokio::test]
async fn a_refused_text_is_for_staff_and_leaves_the_consent() {
    let app = shop().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    agree(&app, &ann, "ann", &[PAID]).await;
    failing(&app, "POST", SEND, 1, 200, "47003");
    pay(&app, &ann, &goods).await;
    let refused = &messages(&app).await[0];
    assert_eq!((&refused["state"], &refused["code"]), (&json!("refused"), &json!("47003")));
    pay(&app, &ann, &goods).await;
    assert_eq!((states(&app).await, asked(&app)), (vec!["sent".to_owned(), "refused".to_owned()], 2));
    app.end().await;
}

#[tokio::test]
async fn a_text_that_does_not_fit_is_not_sent_and_the_order_goes_on() {
    let app = shop().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    agree(&app, &ann, "ann", &[PAID, SHIPPED]).await;
    let order = pay(&app, &ann, &goods).await;
    // What is fetched in the shop has no number of a parcel.
    let body = json!({ "logistics": "pick_up" });
    owner.post(&format!("/admin/v1/orders/{}/shipment", id(&order))).json(&body).send().await.expect(200);
    app.run_jobs().await;
    let unfit = &messages(&app).await[0];
    assert_eq!((&unfit["state"], &unfit["code"]), (&json!("unfit"), &json!("character_string2")));
    assert_eq!((ann.see(&order).await["state"].as_str(), asked(&app)), (Some("shipped"), 1));
    app.end().await;
}

#[tokio::test]
async fn one_person_is_sent_one_message_at_a_time() {
    let app = shop().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    agree(&app, &ann, "ann", &[PAID]).await;
    // Another node is sending to this person, or died while it did.
    let until = app.clock_seconds() * 1000 + 5_000;
    app.spoil(&format!("UPDATE identities SET messaging_until_ms = {until}")).await;
    for _ in 0..2 {
        pay(&app, &ann, &goods).await;
        assert_eq!((states(&app).await[0].as_str(), asked(&app)), ("waiting", 0));
        app.advance(Duration::from_secs(1));
    }
    app.advance(Duration::from_secs(5));
    app.run_jobs().await;
    assert_eq!(asked(&app), 1, "of two messages one has a consent");
    assert_eq!(app.number("SELECT messaging_until_ms FROM identities").await, 0, "the turn is free again");
    app.end().await;
}

#[tokio::test]
async fn what_wechat_took_and_could_not_deliver_is_shown() {
    let app = shop().await;
    listen(&app, PushFormat::Json);
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    agree(&app, &ann, "ann", &[PAID]).await;
    pay(&app, &ann, &goods).await;
    app.deliver().await;
    app.run_jobs().await;
    assert_eq!(states(&app).await, ["sent"]);
    let failed = |msgid: &str| {
        let item = json!({ "TemplateId": PAID, "MsgID": msgid, "ErrorCode": "20001", "ErrorStatus": "system busy" });
        let event = "subscribe_msg_sent_event";
        app.simulator.push_event(APPS[0].0, event, "o1", &json!({ "List": item })).expect("planned");
    };
    failed("1");
    failed(&app.simulator.messages()[0].id);
    app.deliver().await;
    app.run_jobs().await;
    let seen = &messages(&app).await[0];
    assert_eq!((&seen["state"], &seen["code"]), (&json!("undelivered"), &json!("20001")));
    // One that is not known may be one whose answer is on its way; in the end it is nobody's.
    let outcomes = "SELECT COUNT(*) FROM pushes WHERE outcome IS NULL";
    assert_eq!(app.number(outcomes).await, 1);
    app.advance(minutes(2));
    app.run_jobs().await;
    assert_eq!(app.number("SELECT COUNT(*) FROM pushes WHERE outcome = 'foreign'").await, 1);
    app.end().await;
}
