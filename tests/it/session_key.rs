//! Claims about the keys of WeChat that open what a client gives sealed: they rotate with each sign-in, and what was sealed
//! with one opens all the same; they are kept sealed and no two people's are mixed up.

use crate::support::{
    app::{APPS, TestApp},
    client::{Answer, User},
    rows::tables_with,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{
    model::time::minutes,
    simulator::{Encrypted, NewUser},
};

const APPID: &str = APPS[0].0;

fn named(id: &str) -> NewUser {
    NewUser { id: Some(id.to_owned()), ..NewUser::default() }
}

fn sealed(app: &TestApp, appid: &str, name: &str) -> Encrypted {
    app.simulator.encrypted_phone(appid, name).expect("a session key")
}

async fn give(user: &User, data: &Encrypted) -> Answer {
    user.post("/v1/me/phone/encrypted").json(&json!(data)).send().await
}

async fn sign_in(app: &TestApp, name: &str) -> Answer {
    let code = app.simulator.js_code(APPID, name).expect("code");
    app.nobody().post("/v1/login").json(&json!({ "appid": APPID, "code": code })).send().await
}

fn key_of(app: &TestApp, name: &str) -> String {
    app.simulator.add_user(named(name)).expect("known").accounts[APPID].session_key.clone()
}

#[tokio::test]
async fn a_number_that_an_old_client_gives_sealed_is_kept_like_any_other() {
    let app = TestApp::new().await;
    app.simulator.add_user(NewUser { phone: Some("13912345678".to_owned()), ..named("ann") }).expect("a user");
    let (ann, bob) = (app.buyer("ann").await, app.buyer("bob").await);
    let there = app.buyer_in(APPS[1].0, "ann").await;
    let own = sealed(&app, APPID, "ann");
    assert_eq!(give(&ann, &own).await.expect(200)["phone"], "+8613912345678");
    assert_eq!(ann.get("/v1/me").send().await.expect(200)["phone"], "+8613912345678");
    // Another's, and the same person's of another mini-program.
    give(&bob, &own).await.expect_problem(422, "wechat.data_invalid");
    give(&there, &own).await.expect_problem(422, "wechat.data_invalid");
    give(&there, &sealed(&app, APPS[1].0, "ann")).await.expect(200);
    assert_eq!(bob.get("/v1/me").send().await.expect(200)["phone"], Value::Null);
    for (encrypted_data, iv) in [("AAAA", own.iv.as_str()), (&own.encrypted_data, "AAAA"), ("*", "*")] {
        let bad = Encrypted { encrypted_data: encrypted_data.to_owned(), iv: iv.to_owned() };
        let problem = give(&ann, &bad).await.expect_problem(422, "wechat.data_invalid");
        assert_eq!(problem["errors"][0]["pointer"], "/encrypted_data");
    }
    app.advance(minutes(10) + Duration::from_secs(1));
    give(&ann, &own).await.expect_problem(422, "wechat.data_stale");
    give(&ann, &sealed(&app, APPID, "ann")).await.expect(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_rotate_under_concurrent_sign_ins_open_all_the_same() {
    let app = TestApp::crowded().await;
    let ann = app.buyer("ann").await;
    app.simulator.faults().change(|faults| faults.rotate_session_key = true);
    let mut keys = vec![key_of(&app, "ann")];
    for round in 0..8 {
        let before = sealed(&app, APPID, "ann");
        let crowd = join_all((0..6).map(|_| sign_in(&app, "ann")));
        let (given, signed_in) = futures_util::join!(give(&ann, &before), crowd);
        given.expect(200);
        for answer in signed_in {
            answer.expect(200);
        }
        assert!(!keys.contains(&key_of(&app, "ann")), "the key has not rotated");
        keys.push(key_of(&app, "ann"));
        let phone = &give(&ann, &sealed(&app, APPID, "ann")).await.expect(200)["phone"];
        assert!(phone.is_string(), "{round}");
        // Six keys later, and among six that were stored in any order.
        give(&ann, &before).await.expect(200);
    }
    // Not for ever: the list of keys is bounded.
    let old = sealed(&app, APPID, "ann");
    for _ in 0..24 {
        sign_in(&app, "ann").await.expect(200);
    }
    give(&ann, &old).await.expect_problem(422, "wechat.data_invalid");
    keys.push(key_of(&app, "ann"));
    for key in &keys {
        assert_eq!(tables_with(&app.app.database, key.as_bytes()).await, Vec::<String>::new());
    }
    app.end().await;
}

/// WeChat keeps a key for a while: signing in again with the same one loses none of the others.
#[tokio::test]
async fn the_same_key_again_takes_no_place() {
    let app = TestApp::new().await;
    let ann = app.buyer("ann").await;
    let first = sealed(&app, APPID, "ann");
    app.simulator.faults().change(|faults| faults.rotate_session_key = true);
    sign_in(&app, "ann").await.expect(200);
    app.simulator.faults().clear();
    for _ in 0..24 {
        sign_in(&app, "ann").await.expect(200);
    }
    give(&ann, &first).await.expect(200);
    app.end().await;
}

/// Whoever calls `wx.login` and does not sign in here has a key that we were not told of.
#[tokio::test]
async fn a_key_that_we_were_not_told_of_is_told_from_data_that_is_wrong() {
    let app = TestApp::new().await;
    let (ann, bob) = (app.buyer("ann").await, app.buyer("bob").await);
    app.simulator.faults().change(|faults| faults.rotate_session_key = true);
    let code = app.simulator.js_code(APPID, "ann").expect("code");
    let login = format!(
        "{}/sns/jscode2session?appid={APPID}&secret={}&js_code={code}&grant_type=authorization_code",
        app.simulator_base, APPS[0].1
    );
    reqwest::get(login).await.expect("an answer");
    let data = sealed(&app, APPID, "ann");
    give(&ann, &data).await.expect_problem(409, "wechat.session_stale");
    give(&bob, &data).await.expect_problem(422, "wechat.data_invalid");
    // Nobody is told more than is known.
    app.simulator.faults().change(|faults| faults.busy = true);
    give(&ann, &data).await.expect_problem(422, "wechat.data_invalid");
    app.simulator.faults().clear();
    sign_in(&app, "ann").await.expect(200);
    give(&ann, &sealed(&app, APPID, "ann")).await.expect(200);
    app.end().await;
}
