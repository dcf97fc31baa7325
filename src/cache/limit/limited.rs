//! What is limited, who, and what is said of it.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limited {
    /// Any request, by address.
    Address,
    /// Any request of a signed-in user.
    User,
    /// A route, by all callers together.
    Route,
    /// A mini-program, by all its users together.
    App,
    /// Signing in with WeChat, by address.
    SignIn,
    /// Placing orders, by user.
    Order,
    /// Asking WeChat for a phone number, by user: each costs money.
    Phone,
    /// Staff signing in, by address.
    StaffSignIn,
}

impl Limited {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Address, Self::User, Self::Route, Self::App, Self::SignIn, Self::Order, Self::Phone, Self::StaffSignIn];
    /// As it is called in headers, figures and Redis.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::User => "user",
            Self::Route => "route",
            Self::App => "app",
            Self::SignIn => "login",
            Self::Order => "order",
            Self::Phone => "phone",
            Self::StaffSignIn => "staff",
        }
    }
    /// Whether each call is worth a question to Redis.
    pub const fn is_strict(self) -> bool {
        matches!(self, Self::SignIn | Self::Order | Self::Phone | Self::StaffSignIn)
    }
    /// Whether a node that is alone rather lets too few through.
    pub const fn is_guarded(self) -> bool {
        matches!(self, Self::SignIn | Self::Phone | Self::StaffSignIn)
    }
}

/// Who is limited.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An address; of IPv6 the network of 64 bits, since one household has all of it.
    Address(IpAddr),
    /// A user.
    User(i64),
    /// All who share a name: of a route, of a mini-program.
    All(Arc<str>),
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

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::User(id) => id.fmt(f),
            Self::All(name) => f.write_str(name),
        }
    }
}

/// How a caller stands under a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which limit.
    pub limited: Limited,
    /// Calls a minute, and at once.
    pub limit: u32,
    /// Calls that are left now.
    pub remaining: u32,
    /// Until none of the allowance is used.
    pub reset: Duration,
}

/// A call too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// How long to wait for the next one.
    pub wait: Duration,
    /// How the caller stands.
    pub standing: Standing,
}

/// What the limits did so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitCounts {
    /// Calls refused, by what was limited.
    pub refused: [(Limited, u64); 8],
    /// Calls that this node judged alone because Redis did not answer.
    pub fallbacks: u64,
    /// Callers remembered now.
    pub callers: usize,
    /// Whether limits hold over all nodes: Redis is set and answers.
    pub shared: bool,
}
