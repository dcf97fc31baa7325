//! What is no access token of ours: a table of what people have tried elsewhere. The test holds the keys, so that each
//! entry is wrong in one thing alone; first of all it shows that a token with nothing wrong is taken.

use crate::support::{
    app::{Setup, TestApp},
    client::User,
};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

fn mac(algorithm: hmac::Algorithm, key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, key), text).as_ref().to_vec()
}

/// The key of an audience, as the application makes it from its secret.
fn key_of(secret: &str, purpose: &str) -> Vec<u8> {
    mac(hmac::HMAC_SHA256, secret.as_bytes(), purpose.as_bytes())
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token with this header and these claims, signed by this key.
fn token(header: &Value, claims: &Value, algorithm: hmac::Algorithm, key: &[u8]) -> String {
    let text = format!("{}.{}", encoded(header), encoded(claims));
    let tag = mac(algorithm, key, text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn plain_header() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

/// The claims of somebody's access token.
fn claims_of(user: &User) -> Value {
    let text = user.signed_in["access_token"].as_str().unwrap();
    let claims = text.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// Claims that are wrong, though signed by the right key.
fn wrong_claims(app: &TestApp, right: &Value, bob: &Value) -> Vec<(String, Value)> {
    let now = app.app.now().seconds();
    let mut all: Vec<_> = ["iss", "aud", "sub", "sid", "iat", "nbf", "exp"]
        .into_iter()
        .flat_map(|name| {
            let wrong = [json!(null), json!(true), json!([]), json!({}), json!(1.5), json!("x")];
            let wrong = wrong.into_iter().map(move |value| (format!("{name} is {value}"), with(right, name, value)));
            wrong.chain([(format!("no {name}"), without(right, name))]).collect::<Vec<_>>()
        })
        .collect();
    all.extend([
        ("of staff".to_owned(), with(right, "aud", json!("staff"))),
        ("of both".to_owned(), with(right, "aud", json!(["buyer", "staff"]))),
        ("of another issuer".to_owned(), with(right, "iss", json!("weizhan "))),
        ("to come".to_owned(), with(right, "nbf", json!(now + 16))),
        ("text for a time".to_owned(), with(right, "exp", json!((now + 600).to_string()))),
        ("beyond numbers".to_owned(), with(right, "exp", json!(1e300))),
        ("of nobody".to_owned(), with(right, "sid", json!("4242"))),
        ("of another's sign-in".to_owned(), with(right, "sid", bob["sid"].clone())),
        ("of another".to_owned(), with(right, "sub", bob["sub"].clone())),
        (
            "a number for an id".to_owned(),
            with(right, "sid", json!(right["sid"].as_str().unwrap().parse::<i64>().unwrap())),
        ),
        ("over".to_owned(), with(right, "exp", json!(now))),
        ("long over".to_owned(), with(right, "exp", json!(0))),
    ]);
    all
}

/// Texts that are no tokens, or were made without the key.
fn wrong_texts(right: &Value, key: &[u8], staff_key: &[u8], secret: &str) -> Vec<(&'static str, String)> {
    let (header, short) = (plain_header(), hmac::HMAC_SHA256);
    let good = token(&header, right, short, key);
    let parts: Vec<_> = good.split('.').collect();
    let none = |alg: &str| format!("{}.{}.", encoded(&json!({ "alg": alg, "typ": "JWT" })), parts[1]);
    let own = json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": URL_SAFE_NO_PAD.encode("my key") } });
    let named = |kid: &str| json!({ "alg": "HS256", "kid": kid });
    let flipped = if parts[2].starts_with('A') { "B" } else { "A" };
    vec![
        ("alg none", none("none")),
        ("alg None", none("None")),
        ("alg none with the tag", format!("{}{}", none("none"), parts[2])),
        ("HS512", token(&json!({ "alg": "HS512" }), right, hmac::HMAC_SHA512, key)),
        ("HS384", token(&json!({ "alg": "HS384" }), right, hmac::HMAC_SHA384, key)),
        ("RS256 in name", token(&json!({ "alg": "RS256" }), right, short, key)),
        ("no alg", token(&json!({ "typ": "JWT" }), right, short, key)),
        ("the key of staff", token(&header, right, short, staff_key)),
        ("staff in full", token(&header, &with(right, "aud", json!("staff")), short, staff_key)),
        ("the secret itself", token(&header, right, short, secret.as_bytes())),
        ("no key", token(&header, right, short, b"")),
        ("a key of its own", token(&own, right, short, b"my key")),
        ("kid of an empty file", token(&named("../../../../dev/null"), right, short, b"")),
        ("kid of a statement", token(&named("x' UNION SELECT 'my key"), right, short, b"my key")),
        ("altered claims", format!("{}.{}.{}", parts[0], encoded(&with(right, "sub", json!("1"))), parts[2])),
        ("altered tag", format!("{}.{}.{flipped}{}", parts[0], parts[1], &parts[2][1..])),
        ("short tag", format!("{}.{}.{}", parts[0], parts[1], &parts[2][..20])),
        ("no tag", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.x")),
        ("a space behind", format!("{good} x")),
        ("another encoding", format!("{good}=")),
        ("words", "a b c".to_owned()),
        ("dots", "..".to_owned()),
        ("much", "a".repeat(8_000)),
        ("much of it", format!("{}.{}", "a".repeat(4_000), "b.".repeat(2_000))),
    ]
}

#[tokio::test]
async fn only_a_token_that_is_right_in_everything_is_taken() {
    let app = TestApp::new().await;
    let (ann, bob) = (app.buyer("ann").await, app.buyer("bob").await);
    let secret = app.app.config.auth.token_key.expose();
    let key = key_of(secret, "weizhan.token.buyer");
    let (right, header) = (claims_of(&ann), plain_header());
    let ask = |text: String| {
        let client = app.nobody().with_token(&text);
        async move { client.get("/v1/me").send().await }
    };
    for (name, claims) in [
        ("as it is", right.clone()),
        ("to come, as far as clocks differ", with(&right, "nbf", json!(app.app.now().seconds() + 15))),
    ] {
        let answer = ask(token(&header, &claims, hmac::HMAC_SHA256, &key)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
    for (name, claims) in wrong_claims(&app, &right, &claims_of(&bob)) {
        let answer = ask(token(&header, &claims, hmac::HMAC_SHA256, &key)).await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.text);
        let expected = match name.as_str() {
            "over" | "long over" => "token.expired",
            "of nobody" | "of another's sign-in" | "of another" | "sub is \"x\"" => "token.revoked",
            _ => "token.invalid",
        };
        assert_eq!(answer.code(), expected, "{name}");
    }
    for (name, text) in wrong_texts(&right, &key, &key_of(secret, "weizhan.token.staff"), secret) {
        let answer = ask(text).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "token.invalid"), "{name}: {}", answer.text);
    }
    for scheme in ["Basic YTpi", "Bearer", "Token x", ""] {
        let answer = app.nobody().get("/v1/me").header("authorization", scheme).send().await;
        answer.expect_problem(401, "token.missing");
    }
    app.end().await;
}

#[tokio::test]
async fn the_key_before_the_last_change_still_counts_and_one_before_that_does_not() {
    let before = "the token key before the last change of it";
    let overrides = vec![("auth.previous_token_key", before.to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let ann = app.buyer("ann").await;
    for (secret, status) in [(before, 200), ("a token key that was never one of ours", 401)] {
        let key = key_of(secret, "weizhan.token.buyer");
        let text = token(&plain_header(), &claims_of(&ann), hmac::HMAC_SHA256, &key);
        app.nobody().with_token(&text).get("/v1/me").send().await.expect(status);
    }
    app.end().await;
}
