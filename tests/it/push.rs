//! Message push (消息推送) beside what it is about: what WeChat might send in any mode and form, what somebody who knows the
//! token might, and that each message counts once.

use crate::support::{
    app::{APPS, PUSH_AES_KEY, PUSH_TOKEN, TestApp},
    client::Answer,
    rows::{changed, dump},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use weizhan::{
    simulator::{PushFormat, PushMode, PushTarget},
    wechat::push::packet::{PushKey, signature},
};

const POPUP: &str = "subscribe_msg_popup_event";

/// The first mini-program takes sealed messages only, the second plain ones.
const MODES: [(usize, PushMode); 3] = [(0, PushMode::Secure), (0, PushMode::Compatible), (1, PushMode::Plain)];
const FORMATS: [PushFormat; 2] = [PushFormat::Json, PushFormat::Xml];

fn listen(app: &TestApp, place: usize, mode: PushMode, format: PushFormat) {
    let appid = APPS[place].0;
    let url = format!("{}/callback/wechat/push/{appid}", app.base);
    let (token, aes_key) = (PUSH_TOKEN.to_owned(), PUSH_AES_KEY.to_owned());
    app.simulator.push_to(appid, Some(PushTarget { url, token, aes_key, mode, format })).expect("target");
}

fn packet(appid: &str, inside: &str) -> String {
    PushKey::new(PUSH_AES_KEY).and_then(|key| key.seal([7; 16], inside.as_bytes(), appid)).expect("sealed")
}

/// A body as somebody would send it who knows the token: signed as it should be.
async fn send(app: &TestApp, place: usize, nonce: &str, body: String, packet: Option<&str>) -> Answer {
    let time = app.clock_seconds().to_string();
    let mut query = format!("timestamp={time}&nonce={nonce}&signature={}", signature(&[PUSH_TOKEN, &time, nonce]));
    if let Some(packet) = packet {
        query.push_str("&encrypt_type=aes&msg_signature=");
        query.push_str(&signature(&[PUSH_TOKEN, &time, nonce, packet]));
    }
    app.nobody().post(&format!("/callback/wechat/push/{}?{query}", APPS[place].0)).body(body).send().await
}

/// What stands around a packet.
fn around(mode: PushMode, format: PushFormat, inside: &str, packet: &str) -> String {
    match (format, mode) {
        (PushFormat::Json, PushMode::Compatible) => {
            json!({ "ToUserName": "gh", "plain": inside, "Encrypt": packet }).to_string()
        }
        (PushFormat::Json, _) => json!({ "ToUserName": "gh", "Encrypt": packet }).to_string(),
        (PushFormat::Xml, _) => {
            format!("<xml><ToUserName>gh</ToUserName><Encrypt><![CDATA[{packet}]]></Encrypt></xml>")
        }
    }
}

#[tokio::test]
async fn what_cannot_be_a_message_is_refused_in_every_mode_and_form_and_harms_nothing() {
    let app = TestApp::new().await;
    let before = dump(&app.app.database).await;
    let lol: Vec<_> = (0..9).map(|n| format!("<!ENTITY l{} \"{}\">", n + 1, format!("&l{n};").repeat(10))).collect();
    let lol = lol.concat();
    let insides = [
        format!("<!DOCTYPE x [<!ENTITY l0 \"lol\">{lol}]><xml><Event>&l9;</Event></xml>"),
        "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><xml><Event>&a;</Event></xml>".to_owned(),
        "<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\"><xml><Event>e</Event></xml>".to_owned(),
        format!("{}{}", "<a>".repeat(20_000), "</a>".repeat(20_000)),
        format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)),
        format!("{}1{}", "{\"a\":".repeat(20_000), "}".repeat(20_000)),
        "<xml><Event>e</Event>".to_owned(),
        "{\"Event\":\"e\"".to_owned(),
        "{\"NoEvent\":1}".to_owned(),
        "\u{0}".to_owned(),
        String::new(),
    ];
    for (place, mode) in MODES {
        for format in FORMATS {
            for (count, inside) in insides.iter().enumerate() {
                let answer = if mode == PushMode::Plain {
                    send(&app, place, "n", inside.clone(), None).await
                } else {
                    let packet = packet(APPS[place].0, inside);
                    send(&app, place, "n", around(mode, format, inside, &packet), Some(&packet)).await
                };
                assert_eq!(
                    (answer.status.as_u16(), answer.code().as_str()),
                    (400, "FAIL"),
                    "{count} {mode:?} {format:?}"
                );
            }
        }
    }
    assert_eq!(changed(&before, &dump(&app.app.database).await), Vec::<String>::new());
    app.end().await;
}

#[tokio::test]
async fn a_packet_that_is_altered_or_for_another_does_not_open_though_it_is_signed() {
    let app = TestApp::new().await;
    let before = dump(&app.app.database).await;
    let event = json!({ "FromUserName": "o1", "CreateTime": 1, "MsgType": "event", "Event": POPUP }).to_string();
    let good = packet(APPS[0].0, &event);
    let bytes = STANDARD.decode(&good).expect("base64");
    let altered = |place: usize| {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        STANDARD.encode(bytes)
    };
    let last = bytes.len() - 1;
    for (what, packet) in [
        ("sealed for another mini-program", packet(APPS[1].0, &event)),
        ("sealed for nobody", packet("", &event)),
        // The last block holds the padding; the one before it is xored into it.
        ("padding", altered(last)),
        ("padding by the block before", altered(last - 16)),
        ("the length", altered(16)),
        ("half a block", STANDARD.encode(&bytes[..last])),
        ("a block less", STANDARD.encode(&bytes[..bytes.len() - 16])),
        ("one block", STANDARD.encode(&bytes[..16])),
        ("nothing", String::new()),
        ("no base64", "!".repeat(64)),
    ] {
        for format in FORMATS {
            for mode in [PushMode::Secure, PushMode::Compatible] {
                let answer = send(&app, 0, "n", around(mode, format, &event, &packet), Some(&packet)).await;
                assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "FAIL"), "{what} {format:?}");
            }
        }
    }
    assert_eq!(changed(&before, &dump(&app.app.database).await), Vec::<String>::new());
    let answer = send(&app, 0, "n", around(PushMode::Secure, PushFormat::Json, &event, &good), Some(&good)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "success"), "unaltered it opens");
    app.run_jobs().await;
    app.end().await;
}

/// The user agrees to a message of this template, as WeChat tells it.
fn agreed(template: &str, more: &Value) -> Value {
    let mut fields =
        json!({ "List": { "TemplateId": template, "SubscribeStatusString": "accept", "PopupScene": "0" } });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fields
}

#[tokio::test]
async fn the_same_message_id_three_times_is_one_and_two_events_in_one_second_are_two() {
    for (place, mode) in MODES {
        for format in FORMATS {
            let app = TestApp::new().await;
            listen(&app, place, mode, format);
            app.buyer_in(APPS[place].0, "ann").await;
            let openid = app.simulator.openid(APPS[place].0, "ann").expect("openid");
            let push = |fields: &Value| {
                app.simulator.push_event(APPS[place].0, POPUP, &openid, fields).expect("planned").expect("a target");
            };
            let confirmed = async |template: &str| {
                let sql = format!("SELECT confirmed FROM message_consents WHERE template_id = '{template}'");
                app.rows().numbers(&sql).await
            };
            // The clock stands still, so all of it is within one second.
            for _ in 0..3 {
                push(&agreed("T1", &json!({ "MsgId": "6908654513421952031" })));
            }
            push(&agreed("T2", &json!({})));
            push(&agreed("T3", &json!({})));
            app.simulator.faults().change(|faults| faults.duplicate = 2);
            app.deliver().await;
            app.run_jobs().await;
            for template in ["T1", "T2", "T3"] {
                assert_eq!(confirmed(template).await, [1], "{template} {mode:?} {format:?}");
            }
            assert_eq!(app.number("SELECT COUNT(*) FROM pushes").await, 3);
            // The same user agrees once more, a second later.
            app.advance(std::time::Duration::from_secs(1));
            push(&agreed("T2", &json!({})));
            app.deliver().await;
            app.run_jobs().await;
            assert_eq!(confirmed("T2").await, [2]);
            app.end().await;
        }
    }
}
