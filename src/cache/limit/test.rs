//! What holds of a limit on one node, at a time that is held.

use super::*;
use std::collections::VecDeque;

fn settings(per_minute: u32) -> config::Limits {
    config::Limits {
        per_ip_per_minute: per_minute,
        per_user_per_minute: 1,
        login_per_ip_per_minute: 1,
        order_per_user_per_minute: 1,
        phone_per_user_per_minute: 1,
        staff_sign_in_per_ip_per_minute: 1,
        per_app_per_minute: 0,
        routes: vec![config::RouteLimit { route: "GET /v1/products".to_owned(), per_minute: 2 }],
        redis_timeout_ms: 20,
    }
}

/// Limits without Redis, and the time they go by, in nanoseconds.
fn held(per_minute: u32) -> (Limits, Arc<AtomicU64>) {
    let time = Arc::new(AtomicU64::new(0));
    (Limits::with(&settings(per_minute), None, Time::Held(time.clone())), time)
}

fn caller(number: u8) -> Caller {
    Caller::at([10, 0, 0, number].into())
}

#[tokio::test]
async fn a_caller_is_stopped_and_others_are_not() {
    let (limits, time) = held(2);
    for left in [1, 0] {
        let standing = limits.check(Limited::Address, caller(1)).await.expect("may").expect("limited");
        assert_eq!((standing.limit, standing.remaining), (2, left));
        assert_eq!(standing.reset, Duration::from_secs(30 * (2 - u64::from(left))));
    }
    let refused = limits.check(Limited::Address, caller(1)).await.expect_err("too many");
    assert_eq!((refused.wait, refused.standing.remaining), (Duration::from_secs(30), 0));
    assert!(limits.check(Limited::Address, caller(2)).await.is_ok());
    assert!(limits.check(Limited::SignIn, caller(1)).await.is_ok(), "each limit counts by itself");
    time.store(30_000_000_000, Ordering::Relaxed);
    assert!(limits.check(Limited::Address, caller(1)).await.is_ok(), "one comes back in half a minute");
    assert_eq!(limits.counts().refused[0], (Limited::Address, 1));
}

#[tokio::test]
async fn a_route_and_an_app_are_limited_for_all_together_where_that_is_set() {
    let (limits, _) = held(1);
    let route = |name: &str| limits.check(Limited::Route, Caller::All(name.into()));
    assert!(route("GET /v1/products").await.is_ok() && route("GET /v1/products").await.is_ok());
    assert!(route("GET /v1/products").await.is_err());
    assert_eq!(route("GET /v1/me").await, Ok(None));
    assert_eq!(limits.check(Limited::App, Caller::All("wx1".into())).await, Ok(None));
    let mut others = settings(1);
    (others.routes, others.per_app_per_minute) = (Vec::new(), 1);
    limits.replace(&others);
    assert_eq!(route("GET /v1/products").await, Ok(None));
    assert!(limits.check(Limited::App, Caller::All("wx1".into())).await.is_ok());
    assert!(limits.check(Limited::App, Caller::All("wx1".into())).await.is_err());
}

#[tokio::test]
async fn a_limit_that_changes_keeps_what_was_used_as_a_part() {
    let (limits, _) = held(10);
    for _ in 0..5 {
        limits.check(Limited::Address, caller(1)).await.expect("may");
    }
    limits.replace(&settings(100));
    let standing = limits.check(Limited::Address, caller(1)).await.expect("may").expect("limited");
    assert_eq!((standing.limit, standing.remaining), (100, 49));
}

#[tokio::test]
async fn a_node_without_redis_keeps_to_its_part() {
    let (limits, _) = held(30);
    limits.set_nodes_alive(3);
    let mut may = 0;
    while limits.check(Limited::Address, caller(1)).await.is_ok() {
        may += 1;
    }
    assert_eq!(may, 10);
    // A part that is smaller than one call is one call.
    assert!(limits.check(Limited::StaffSignIn, caller(1)).await.is_ok());
    assert!(limits.check(Limited::StaffSignIn, caller(1)).await.is_err());
}

/// Numbers that look random and are the same each time.
fn dice(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

#[tokio::test]
async fn never_more_than_burst_and_rate_in_any_window() {
    for seed in 1..=60_u64 {
        let mut dice_of = seed;
        let per_minute = 1 + u32::try_from(dice(&mut dice_of, 400)).unwrap();
        let nodes = 1 + u32::try_from(dice(&mut dice_of, 3)).unwrap();
        let (limits, time) = held(per_minute);
        limits.set_nodes_alive(nodes);
        let part = u64::from((per_minute / nodes).max(1));
        let (mut now, mut let_in) = (0, VecDeque::new());
        for _ in 0..3_000 {
            // Bursts, steady calls and pauses.
            now += match dice(&mut dice_of, 10) {
                0 => dice(&mut dice_of, 20_000_000_000),
                1..=4 => dice(&mut dice_of, 200_000_000),
                _ => 0,
            };
            time.store(now, Ordering::Relaxed);
            if limits.check(Limited::Address, caller(1)).await.is_ok() {
                let_in.push_back(now);
                // Each window that ends now, by where it begins.
                for (count, began) in let_in.iter().rev().enumerate() {
                    let by_rate =
                        u128::from(now - began) * u128::from(per_minute) / u128::from(nodes * 60) / 1_000_000_000;
                    let most = u128::from(part) + by_rate + 1;
                    assert!((count as u128) < most, "seed {seed}: {} in {} ns of {per_minute}", count + 1, now - began);
                }
                let_in.truncate(1_500);
            }
        }
        assert!(let_in.len() as u64 >= part.min(100), "seed {seed}: somebody must come in");
    }
}

#[test]
fn an_ipv6_household_is_one_caller() {
    let at = |text: &str| Caller::at(text.parse().expect("address"));
    assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
    assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
}
