//! Rate limits of this node: GCRA per caller, in process.
//!
//! Each kind of limit keeps one small entry a caller; entries that are back at full allowance are dropped.

use crate::config;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// After so many checks the entries of callers that went away are dropped.
const SWEEP_EVERY: u32 = 10_000;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Any request, by address.
    Address,
    /// Any request of a signed-in user.
    User,
    /// Signing in with WeChat, by address.
    SignIn,
    /// Placing orders, by user.
    Order,
    /// Asking WeChat for a phone number, by user: each costs money.
    Phone,
    /// Staff signing in, by address.
    StaffSignIn,
}

/// Who is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An address; of IPv6 the network of 64 bits, since one household has all of it.
    Address(IpAddr),
    /// A user.
    User(i64),
}

impl Caller {
    /// The caller at an address.
    pub fn at(address: IpAddr) -> Self {
        match address {
            IpAddr::V6(six) if six.to_ipv4_mapped().is_none() => {
                Self::Address(IpAddr::V6((six.to_bits() & !u128::from(u64::MAX)).into()))
            }
            other => Self::Address(other),
        }
    }
}

/// All limits of this node.
pub struct Limits {
    all: [DefaultKeyedRateLimiter<Caller>; 6],
    checks: AtomicU32,
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limits(…)")
    }
}

impl Limits {
    /// The limits of the settings. Zero would lock everybody out and counts as one.
    pub fn new(settings: &config::Limits) -> Self {
        let keyed = |per_minute: u32| {
            RateLimiter::keyed(Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN)))
        };
        Self {
            all: [
                keyed(settings.per_ip_per_minute),
                keyed(settings.per_user_per_minute),
                keyed(settings.login_per_ip_per_minute),
                keyed(settings.order_per_user_per_minute),
                keyed(settings.phone_per_user_per_minute),
                keyed(settings.staff_sign_in_per_ip_per_minute),
            ],
            checks: AtomicU32::new(0),
        }
    }
    /// Count one call; when it is one too many, how long to wait.
    pub fn check(&self, limited: Limited, caller: Caller) -> Result<(), Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.all.iter().for_each(governor::RateLimiter::retain_recent);
        }
        let gate = &self.all[limited as usize];
        gate.check_key(&caller).map_err(|until| {
            use governor::clock::Clock as _;
            until.wait_time_from(gate.clock().now())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_stopped_and_others_are_not() {
        let limits = Limits::new(&config::Limits {
            per_ip_per_minute: 2,
            per_user_per_minute: 1,
            login_per_ip_per_minute: 1,
            order_per_user_per_minute: 1,
            phone_per_user_per_minute: 1,
            staff_sign_in_per_ip_per_minute: 1,
        });
        let (one, other) = (Caller::at([10, 0, 0, 1].into()), Caller::at([10, 0, 0, 2].into()));
        let checks: Vec<_> = (0..3).map(|_| limits.check(Limited::Address, one).is_ok()).collect();
        assert_eq!(checks, [true, true, false]);
        let wait = limits.check(Limited::Address, one).expect_err("still too many");
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(30));
        assert!(limits.check(Limited::Address, other).is_ok());
        assert!(limits.check(Limited::SignIn, one).is_ok(), "each limit counts by itself");
    }

    #[test]
    fn an_ipv6_household_is_one_caller() {
        let at = |text: &str| Caller::at(text.parse().expect("address"));
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
    }
}
