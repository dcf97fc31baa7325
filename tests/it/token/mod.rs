//! Claims about tokens: rotation, the end of a sign-in, and what is no token of ours (in [`crafted`]).

mod crafted;

use crate::support::{
    app::TestApp,
    client::{Answer, Client, User},
};
use serde_json::{Value, json};
use std::time::Duration;
use weizhan::{
    data,
    model::{
        id::SignInId,
        time::{days, minutes},
    },
};

async fn refresh(client: &Client, path: &str, token: &str) -> Answer {
    client.post(path).json(&json!({ "refresh_token": token })).send().await
}

async fn renewed(app: &TestApp, token: &str) -> Value {
    refresh(&app.nobody(), "/v1/token/refresh", token).await.expect(200)
}

fn text<'v>(tokens: &'v Value, name: &str) -> &'v str {
    tokens[name].as_str().expect("a token")
}

fn grace(app: &TestApp) -> Duration {
    Duration::from_secs(app.app.config.auth.refresh_grace_seconds)
}

#[tokio::test]
async fn a_reply_that_was_lost_is_given_again() {
    let app = TestApp::new().await;
    let ann = app.buyer("ann").await;
    let second = renewed(&app, ann.refresh_token()).await;
    assert_ne!(text(&second, "refresh_token"), ann.refresh_token());
    app.advance(grace(&app));
    let again = renewed(&app, ann.refresh_token()).await;
    assert_eq!(again["refresh_token"], second["refresh_token"], "the same successor");
    for tokens in [&second, &again] {
        app.nobody().with_token(text(tokens, "access_token")).get("/v1/me").send().await.expect(200);
    }
    // Access tokens live their time; only the sign-in ends them sooner.
    ann.get("/v1/me").send().await.expect(200);
    renewed(&app, text(&second, "refresh_token")).await;
    app.end().await;
}

async fn is_over(app: &TestApp, access: &[&str], refresh_tokens: &[&str]) {
    for token in access {
        app.nobody().with_token(token).get("/v1/me").send().await.expect_problem(401, "token.revoked");
    }
    for token in refresh_tokens {
        refresh(&app.nobody(), "/v1/token/refresh", token).await.expect_problem(401, "token.revoked");
    }
}

#[tokio::test]
async fn a_token_that_comes_back_late_ends_the_sign_in() {
    let app = TestApp::new().await;
    let (ann, other) = (app.buyer("ann").await, app.buyer("ann").await);
    let second = renewed(&app, ann.refresh_token()).await;
    app.advance(grace(&app) + Duration::from_secs(1));
    refresh(&app.nobody(), "/v1/token/refresh", ann.refresh_token()).await.expect_problem(401, "token.reused");
    let access = [text(&second, "access_token"), text(&ann.signed_in, "access_token")];
    is_over(&app, &access, &[text(&second, "refresh_token"), ann.refresh_token()]).await;
    // The person's other device is another sign-in.
    renewed(&app, other.refresh_token()).await;
    app.end().await;
}

#[tokio::test]
async fn a_token_whose_successor_was_used_ends_the_sign_in_also_within_the_grace() {
    let app = TestApp::new().await;
    let ann = app.buyer("ann").await;
    let second = renewed(&app, ann.refresh_token()).await;
    let third = renewed(&app, text(&second, "refresh_token")).await;
    refresh(&app.nobody(), "/v1/token/refresh", ann.refresh_token()).await.expect_problem(401, "token.reused");
    is_over(&app, &[text(&third, "access_token")], &[text(&third, "refresh_token")]).await;
    app.end().await;
}

#[tokio::test]
async fn refreshes_at_once_get_one_successor() {
    let app = TestApp::new().await;
    let ann = app.buyer("ann").await;
    let nobody = app.nobody();
    let all = (0..20).map(|_| refresh(&nobody, "/v1/token/refresh", ann.refresh_token()));
    let answers: Vec<_> =
        futures_util::future::join_all(all).await.into_iter().map(|answer| answer.expect(200)).collect();
    let successors: std::collections::BTreeSet<_> =
        answers.iter().map(|tokens| text(tokens, "refresh_token")).collect();
    assert_eq!(successors.len(), 1);
    renewed(&app, text(&answers[0], "refresh_token")).await;
    app.end().await;
}

#[tokio::test]
async fn signing_out_ends_one_device_at_once() {
    let app = TestApp::new().await;
    let (ann, other) = (app.buyer("ann").await, app.buyer("ann").await);
    ann.get("/v1/me").send().await.expect(200);
    ann.post("/v1/logout").send().await.expect(204);
    is_over(&app, &[text(&ann.signed_in, "access_token")], &[ann.refresh_token()]).await;
    other.get("/v1/me").send().await.expect(200);
    let clerk = app.staff(&[]).await;
    clerk.post("/admin/v1/sign-out").send().await.expect(204);
    clerk.post("/admin/v1/sign-out").send().await.expect_problem(401, "token.revoked");
    app.end().await;
}

/// End a sign-in in the rows alone, as another node would.
async fn revoke_elsewhere(app: &TestApp, user: &User) {
    let id: SignInId = user.refresh_token().split('.').next().unwrap().parse().unwrap();
    let mut session = app.app.database.write().await.unwrap();
    assert!(data::token::revoke(&mut session, id, app.app.now()).await.unwrap());
    session.commit().await.unwrap();
}

#[tokio::test]
async fn what_another_node_ended_is_over_here_within_five_seconds() {
    let app = TestApp::new().await;
    let (ann, fresh) = (app.buyer("ann").await, app.buyer("ann").await);
    ann.get("/v1/me").send().await.expect(200);
    revoke_elsewhere(&app, &ann).await;
    revoke_elsewhere(&app, &fresh).await;
    // Nothing was believed about this one yet.
    is_over(&app, &[text(&fresh.signed_in, "access_token")], &[fresh.refresh_token()]).await;
    app.advance(Duration::from_secs(5));
    is_over(&app, &[text(&ann.signed_in, "access_token")], &[ann.refresh_token()]).await;
    app.end().await;
}

#[tokio::test]
async fn tokens_end_with_their_time_and_the_sign_in_with_its_own() {
    let app = TestApp::new().await;
    let (ann, clerk) = (app.buyer("ann").await, app.staff(&[]).await);
    let auth = &app.app.config.auth;
    let (access, staff) = (minutes(auth.access_minutes), minutes(auth.staff_minutes));
    assert_eq!(ann.signed_in["expires_ms"], app.app.now().plus(access).0);
    assert_eq!(clerk.signed_in["expires_ms"], app.app.now().plus(staff).0);
    app.advance(access.saturating_sub(Duration::from_secs(1)));
    ann.get("/v1/me").send().await.expect(200);
    app.advance(Duration::from_secs(1));
    ann.get("/v1/me").send().await.expect_problem(401, "token.expired");
    // Refreshed every day: the life of the whole sign-in is not made longer by it.
    let mut token = ann.refresh_token().to_owned();
    app.advance(days(1).saturating_sub(access));
    for day in 1..auth.refresh_days {
        let next = renewed(&app, &token).await;
        assert!(next["expires_ms"].as_i64().unwrap() <= app.app.now().plus(access).0, "{day}");
        text(&next, "refresh_token").clone_into(&mut token);
        app.advance(days(1));
    }
    refresh(&app.nobody(), "/v1/token/refresh", &token).await.expect_problem(401, "token.revoked");
    refresh(&app.nobody(), "/admin/v1/token/refresh", clerk.refresh_token()).await.expect_problem(401, "token.revoked");
    app.end().await;
}

#[tokio::test]
async fn a_refresh_token_is_good_as_it_is_and_where_it_belongs() {
    let app = TestApp::new().await;
    let (ann, bob, clerk) = (app.buyer("ann").await, app.buyer("bob").await, app.staff(&[]).await);
    let (buyers, staff) = ("/v1/token/refresh", "/admin/v1/token/refresh");
    let parts: Vec<_> = ann.refresh_token().split('.').collect();
    let (id, tag) = (parts[0], parts[2]);
    let (bob_id, _) = bob.refresh_token().split_once('.').unwrap();
    let other = if tag.starts_with('A') { "B" } else { "A" };
    for wrong in [
        format!("{id}.2.{tag}"),
        format!("{id}.0.{tag}"),
        format!("{id}.-1.{tag}"),
        format!("{id}.9223372036854775807.{tag}"),
        format!("{bob_id}.1.{tag}"),
        format!("4242.1.{tag}"),
        format!("{id}.1.{other}{}", &tag[1..]),
        format!("{id}.1.{}", &tag[..10]),
        format!("{id}.1."),
        format!("{id}.1.{tag}="),
        format!("{id}.1.{tag}.x"),
        format!("{id}.1"),
        text(&ann.signed_in, "access_token").chars().take(128).collect(),
        "x".to_owned(),
        "..".to_owned(),
    ] {
        refresh(&app.nobody(), buyers, &wrong).await.expect_problem(401, "token.invalid");
    }
    refresh(&app.nobody(), buyers, clerk.refresh_token()).await.expect_problem(401, "token.invalid");
    refresh(&app.nobody(), staff, ann.refresh_token()).await.expect_problem(401, "token.invalid");
    // None of this ended anything.
    renewed(&app, ann.refresh_token()).await;
    refresh(&app.nobody(), staff, clerk.refresh_token()).await.expect(200);
    app.end().await;
}
