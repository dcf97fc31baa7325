//! Where the access token of all nodes is kept, as far as this module must know.
//!
//! A port and not a call: the token lives in a row, and what talks to WeChat may not use the database (see the layers). The
//! application puts the rows behind it; the algorithm that decides when to fetch stays here, beside the protocol.

use crate::config::Secret;
use std::{pin::Pin, time::Duration};

/// The token that all nodes share.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// What to send; empty while there was none.
    pub token: Secret,
    /// Grows with each fetch; 0 while there was none.
    pub version: i64,
    /// How long ago it was fetched.
    pub age: Duration,
    /// How long it still lives.
    pub left: Duration,
    /// Whether somebody is fetching its successor.
    pub busy: bool,
}

/// The right to fetch the successor of one version; random, and good for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLease(
    /// Names it.
    pub i64,
);

/// The store could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the access token's store could not be asked")]
pub struct StoreError(
    /// Why.
    #[source]
    pub Box<dyn std::error::Error + Send + Sync>,
);

/// An answer of the store.
pub type Stored<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps one token a mini-program for all nodes, and sees to it that one of them fetches.
pub trait TokenStore: std::fmt::Debug + Send + Sync {
    /// The token of a mini-program, whoever fetched it.
    fn find<'a>(&'a self, appid: &'a str) -> Stored<'a, StoredToken>;
    /// Begin to fetch the successor of a version, for at most `until_over`; `None` when another does so, or has done so.
    fn claim<'a>(&'a self, appid: &'a str, version: i64, until_over: Duration) -> Stored<'a, Option<FetchLease>>;
    /// Count a forced fetch; `false` when it would be one too many or too soon for WeChat, or the lease was lost.
    fn force<'a>(&'a self, appid: &'a str, lease: FetchLease) -> Stored<'a, bool>;
    /// Keep what was fetched, which lives so long; `false` when the lease was lost.
    fn put<'a>(&'a self, appid: &'a str, lease: FetchLease, token: &'a Secret, lives: Duration) -> Stored<'a, bool>;
    /// Fetching failed: let somebody else try.
    fn release<'a>(&'a self, appid: &'a str, lease: FetchLease) -> Stored<'a, ()>;
}
