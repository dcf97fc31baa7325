//! A sign-in that was ended is over on every node: at once while they hear each other, within 5 s whatever is away.

use super::{private_redis, until};
use crate::support::{
    app::{Setup, TestApp},
    client::{Client, User},
    servers::Redis,
};
use std::time::Duration;

/// Two nodes on one database; over this Redis, or with memory alone.
async fn two_nodes(redis: Option<&Redis>) -> [TestApp; 2] {
    let overrides = || {
        let mut all = vec![("cache.redis_url", redis.map(Redis::url).unwrap_or_default())];
        if redis.is_some() {
            all.push(("cache.timeout_ms", "500".to_owned()));
        }
        all
    };
    let one = TestApp::with(Setup { overrides: overrides(), ..Setup::default() }).await;
    let database_url = Some(one.app.config.database.url.expose().to_owned());
    let mut overrides = overrides();
    overrides.push(("node.id", "1".to_owned()));
    let other = TestApp::with(Setup { overrides, database_url, ..Setup::default() }).await;
    for node in [&one, &other] {
        let reach = || node.app.cache.reach();
        until("the nodes hear each other", || reach().is_none_or(|reach| reach.tracking && reach.published)).await;
    }
    [one, other]
}

/// The same person at another node.
fn at(node: &TestApp, user: &User) -> Client {
    node.nobody().with_token(user.signed_in["access_token"].as_str().expect("a token"))
}

#[tokio::test]
async fn a_sign_out_is_heard_by_every_node() {
    let Some(redis) = private_redis() else { return };
    let [one, other] = two_nodes(Some(&redis)).await;
    let ann = one.buyer("ann").await;
    for _ in 0..3 {
        at(&other, &ann).get("/v1/me").send().await.expect(200);
        ann.get("/v1/me").send().await.expect(200);
    }
    let hits: u64 =
        other.app.cache.counts().iter().filter(|counts| counts.namespace == "sign_in").map(|c| c.l1_hits).sum();
    assert_eq!(hits, 2, "believed from memory");
    ann.post("/v1/logout").send().await.expect(204);
    ann.get("/v1/me").send().await.expect_problem(401, "token.revoked");
    let heard = async {
        // The clock stands still: no time makes it end.
        while at(&other, &ann).get("/v1/me").send().await.status != 401 {}
    };
    tokio::time::timeout(Duration::from_secs(20), heard).await.expect("the other node hears");
    // The database is the first one's.
    other.end().await;
    one.end().await;
}

#[tokio::test]
async fn a_sign_out_is_over_everywhere_after_five_seconds_with_redis_away() {
    let redis = private_redis();
    let nodes = two_nodes(redis.as_ref()).await;
    let [one, other] = &nodes;
    let (ann, bob) = (one.buyer("ann").await, one.buyer("bob").await);
    for user in [&ann, &bob] {
        at(other, user).get("/v1/me").send().await.expect(200);
    }
    if let Some(redis) = &redis {
        redis.signal("STOP");
    }
    ann.post("/v1/logout").send().await.expect(204);
    ann.get("/v1/me").send().await.expect_problem(401, "token.revoked");
    for node in &nodes {
        node.advance(Duration::from_secs(5));
        at(node, &ann).get("/v1/me").send().await.expect_problem(401, "token.revoked");
        at(node, &bob).get("/v1/me").send().await.expect(200);
    }
    // Nor does a Redis that comes back with what it held bring it to life.
    if let Some(redis) = &redis {
        redis.signal("CONT");
        for node in &nodes {
            until("Redis is back", || node.app.cache.reach().is_some_and(|reach| reach.redis)).await;
        }
    }
    for node in &nodes {
        at(node, &ann).get("/v1/me").send().await.expect_problem(401, "token.revoked");
    }
    for node in nodes.into_iter().rev() {
        node.end().await;
    }
}
