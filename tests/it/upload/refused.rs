//! What is refused leaves nothing: no object, and no row that could be shown. On each store, by each way.

use super::{Store, begin, confirm, files, form, objects, send, sweep_all, upload};
use crate::support::app::TestApp;
use serde_json::json;
use weizhan::model::time::minutes;

/// Nothing can be shown now, and after the sweep there is nothing at all.
async fn nothing_is_left(app: &TestApp, name: &str) {
    let rows = "SELECT COUNT(*) FROM uploads WHERE state = 'ready'";
    assert_eq!(app.number(rows).await, 0, "{name}: a row could be shown");
    assert_eq!(objects(app), Vec::<String>::new(), "{name}: an object is left");
}

async fn end(app: TestApp) {
    sweep_all(&app).await;
    nothing_is_left(&app, "after the sweep").await;
    assert_eq!(app.number("SELECT COUNT(*) FROM uploads").await, 0);
    app.end().await;
}

#[tokio::test]
async fn a_file_that_is_no_picture_or_more_than_one_leaves_nothing() {
    let cases = files::bad();
    for store in Store::ALL {
        let app = store.open().await;
        let amy = app.buyer("amy").await;
        for (name, kind, file, code) in &cases {
            let leave = begin(&amy, "refund", kind, file.len()).await;
            let sent = send(&app, store, &amy, &leave, kind, file).await;
            assert!(sent.status.is_success(), "{store:?} {name}: {} {}", sent.status, sent.text);
            let refused = confirm(&amy, &leave).await;
            refused.expect_problem(422, code);
            nothing_is_left(&app, name).await;
            // It is over: the same answer to whoever asks again, and no second file.
            confirm(&amy, &leave).await.expect_problem(404, "upload.not_found");
            let again = send(&app, Store::CosByUs, &amy, &leave, kind, file).await;
            again.expect_problem(404, "upload.not_found");
        }
        println!("{store:?}: {} kinds of files were refused and left nothing", cases.len());
        end(app).await;
    }
}

#[tokio::test]
async fn a_file_that_is_too_large_is_stopped_while_it_comes() {
    for store in Store::ALL {
        let app = store.open().await;
        let amy = app.buyer("amy").await;
        let file = files::png(64, 64);
        for (name, declared, sent) in [
            ("one byte more than was declared", file.len() - 1, file.clone()),
            ("much more than was declared", file.len(), file.repeat(400)),
            ("nothing", file.len(), Vec::new()),
        ] {
            let leave = begin(&amy, "avatar", "image/png", declared).await;
            let answer = send(&app, store, &amy, &leave, "image/png", &sent).await;
            if store == Store::Cos {
                assert_eq!(answer.status, 400, "{name}: {}", answer.text);
                assert!(answer.text.contains("Entity"), "{name}: {}", answer.text);
            } else {
                answer.expect_problem(422, "upload.too_large");
            }
            nothing_is_left(&app, name).await;
            confirm(&amy, &leave).await.expect_problem(409, "upload.not_received");
        }
        let body = json!({ "purpose": "avatar", "content_type": "image/png", "bytes": 10_485_761 });
        amy.post("/v1/uploads").json(&body).send().await.expect_problem(422, "http.invalid");
        end(app).await;
    }
}

#[tokio::test]
async fn a_form_is_good_for_its_own_object_and_as_it_was_made() {
    let app = Store::Cos.open().await;
    let amy = app.buyer("amy").await;
    let file = files::jpeg(64, 48);
    let leave = begin(&amy, "avatar", "image/jpeg", file.len()).await;
    let store = app.client_of(leave["url"].as_str().expect("an address"));
    let with = |name: &str, value: &str| {
        let mut fields = leave["fields"].clone();
        fields[name] = json!(value);
        fields
    };
    let policy = leave["fields"]["policy"].as_str().expect("a policy").to_owned();
    let wider = {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let text = String::from_utf8(STANDARD.decode(policy).expect("base64")).expect("text");
        STANDARD.encode(text.replace(&format!("1,{}]", file.len()), "1,99999999]"))
    };
    let without = |name: &str| {
        let mut fields = leave["fields"].clone();
        fields.as_object_mut().expect("fields").remove(name);
        fields
    };
    for (name, fields) in [
        ("a foreign key", with("key", "product/1.jpg")),
        ("a foreign prefix", with("key", "avatar/another.jpg")),
        ("a key that climbs", with("key", "tmp/../product/1.jpg")),
        ("a key that climbs, encoded", with("key", "tmp/%2e%2e/product/1.jpg")),
        ("a wider policy", with("policy", &wider)),
        ("a page", with("Content-Type", "text/html")),
        ("public access", with("acl", "public-read-write")),
        ("another signature", with("q-signature", &"0".repeat(40))),
        ("no policy", without("policy")),
        ("another key id", with("q-ak", "AKIDsomebodyelse")),
    ] {
        let (header, body) = form(&fields, "image/jpeg", &file);
        let answer = store.post("").header("content-type", &header).body(body).send().await;
        assert_eq!(answer.status, 403, "{name}: {}", answer.text);
        nothing_is_left(&app, name).await;
    }
    app.advance(minutes(11));
    let (header, body) = form(&leave["fields"], "image/jpeg", &file);
    let late = store.post("").header("content-type", &header).body(body).send().await;
    assert_eq!(late.status, 403, "after its time: {}", late.text);
    end(app).await;
}

#[tokio::test]
async fn what_is_anothers_can_be_neither_sent_nor_confirmed_nor_shown() {
    for store in Store::ALL {
        let app = store.open().await;
        let (amy, eve) = (app.buyer("amy").await, app.buyer("eve").await);
        let owner = app.owner().await;
        let file = files::jpeg(64, 48);
        let leave = begin(&amy, "avatar", "image/jpeg", file.len()).await;
        send(&app, Store::CosByUs, &eve, &leave, "image/jpeg", &file).await.expect_problem(404, "upload.not_found");
        nothing_is_left(&app, "another's leave").await;
        assert!(send(&app, store, &amy, &leave, "image/jpeg", &file).await.status.is_success());
        confirm(&eve, &leave).await.expect_problem(404, "upload.not_found");
        let id = leave["id"].as_str().expect("an id");
        eve.get(&format!("/v1/uploads/{id}")).send().await.expect_problem(404, "upload.not_found");
        eve.delete(&format!("/v1/uploads/{id}")).send().await.expect_problem(404, "upload.not_found");
        owner.post(&format!("/admin/v1/uploads/{id}/confirm")).send().await.expect_problem(404, "upload.not_found");
        // A draft is shown to nobody, whoever knows its name.
        let drafts = objects(&app);
        assert_eq!(drafts.len(), 1, "{drafts:?}");
        app.nobody().get(&format!("/objects/{}", drafts[0])).send().await.expect_problem(404, "object.not_found");
        let body = json!({ "nickname": "", "avatar_url": format!("/objects/{}", drafts[0]) });
        amy.put("/v1/me").json(&body).send().await.expect_problem(422, "user.avatar_not_found");
        let picture = confirm(&amy, &leave).await.expect(200);
        let body = json!({ "nickname": "", "avatar_url": picture["url"] });
        eve.put("/v1/me").json(&body).send().await.expect_problem(422, "user.avatar_not_found");
        // What a buyer may send staff may not, and the other way round.
        let wish = |purpose: &str| json!({ "purpose": purpose, "content_type": "image/png", "bytes": 9 });
        let refused = "upload.purpose_not_allowed";
        amy.post("/v1/uploads").json(&wish("product")).send().await.expect_problem(403, refused);
        owner.post("/admin/v1/uploads").json(&wish("avatar")).send().await.expect_problem(403, refused);
        amy.delete(&format!("/v1/uploads/{id}")).send().await.expect(204);
        end(app).await;
    }
}

#[tokio::test]
async fn a_replayed_confirm_changes_nothing_and_a_draft_that_comes_after_it_is_swept() {
    for store in Store::ALL {
        let app = store.open().await;
        let amy = app.buyer("amy").await;
        let (file, other) = (files::jpeg(64, 48), files::jpeg(32, 32));
        let leave = begin(&amy, "refund", "image/jpeg", file.len().max(other.len())).await;
        assert!(send(&app, store, &amy, &leave, "image/jpeg", &file).await.status.is_success());
        let first = confirm(&amy, &leave).await.expect(200);
        let kept = objects(&app);
        assert_eq!(kept.len(), 2, "the picture and the small one: {kept:?}");
        let url = first["url"].as_str().expect("an address");
        let shown = app.nobody().get(url).send().await;
        // A form is good for ten minutes, also for another file.
        let again = send(&app, store, &amy, &leave, "image/jpeg", &other).await;
        if store == Store::Cos {
            assert!(again.status.is_success(), "{}", again.text);
        } else {
            again.expect_problem(409, "upload.confirmed");
        }
        assert_eq!(confirm(&amy, &leave).await.expect(200), first, "{store:?}");
        assert_eq!(app.nobody().get(url).send().await.text, shown.text);
        app.advance(minutes(61));
        super::sweep(&app).await;
        assert_eq!(objects(&app), kept, "{store:?}");
        // Nothing shows it: a week later it goes.
        app.advance(weizhan::model::time::days(8));
        end(app).await;
    }
}

#[tokio::test]
async fn no_address_leads_out_of_the_store() {
    for store in [Store::Directory, Store::Cos] {
        let app = store.open().await;
        let amy = app.buyer("amy").await;
        let picture = upload(&app, store, &amy, "refund", "image/png", &files::png(16, 16)).await;
        let url = picture["url"].as_str().expect("an address").to_owned();
        let name = url.strip_prefix("/objects/").expect("an object");
        let deep = [
            format!("../objects/{name}"),
            format!("..%2fobjects%2f{name}"),
            format!("%2e%2e/{name}"),
            format!("refund/..%2f{name}"),
            format!("refund%2f%2e%2e%2f{name}"),
            format!("%252e%252e%252f{name}"),
            format!("./{name}"),
            format!("/{name}"),
            format!("{name}%00.png"),
            format!("{name}/"),
            name.to_uppercase(),
            "..%5c..%5cshop.db".to_owned(),
            "../shop.db".to_owned(),
            "..%2fshop.db".to_owned(),
            "%2fetc%2fpasswd".to_owned(),
            "tmp/".to_owned(),
        ];
        for path in deep {
            // As it stands: a client that tidies addresses up would hide what is asked.
            let answer = raw(&app, &format!("/objects/{path}")).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{store:?} {path}: {answer}");
        }
        assert!(raw(&app, &url).await.starts_with("HTTP/1.1 200"), "{url}");
        let id = picture["id"].as_str().expect("an id");
        amy.delete(&format!("/v1/uploads/{id}")).send().await.expect(204);
        end(app).await;
    }
}

/// The first line of the answer to exactly this path.
async fn raw(app: &TestApp, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let host = app.base.strip_prefix("http://").expect("an address");
    let mut stream = tokio::net::TcpStream::connect(host).await.expect("connected");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered");
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}
