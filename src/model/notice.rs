//! Callbacks of WeChat Pay as they came.

use crate::model::time::Timestamp;
use std::time::Duration;

/// The outcome of a callback that is stored and not settled yet.
pub const WAITING: &str = "waiting";

/// How long the process that took a callback has to settle it before any other may.
pub const SETTLE_GRACE: Duration = Duration::from_secs(10);

/// A callback that was verified. It was stored before WeChat was answered, and what it says is carried out after.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Notice {
    /// WeChat's id of it: the same on every repetition.
    pub notify_id: String,
    /// `TRANSACTION.SUCCESS` and the like.
    pub event_type: String,
    /// Our number that it is about: `out_trade_no` or `out_refund_no`; empty when it is about neither.
    pub subject: String,
    /// The headers of its signature, as a JSON object.
    pub headers: String,
    /// The body, byte for byte.
    pub body: String,
    /// What it came to; `waiting` until it is settled.
    pub outcome: String,
    /// How often it came.
    pub received: i64,
    /// How often settling it failed.
    pub failures: i64,
    /// When it may be settled by whoever finds it waiting.
    pub due_ms: Timestamp,
    /// When it came first.
    pub received_ms: Timestamp,
    /// When it came last.
    pub last_ms: Timestamp,
    /// When it was settled.
    pub settled_ms: Option<Timestamp>,
}

/// A callback that was refused, although its sealed content is WeChat's: a wrong clock, a key that was not at hand yet,
/// or WeChat's own test of our verification.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct RefusedNotice {
    /// WeChat's id of it.
    pub notify_id: String,
    /// Why it was refused.
    pub reason: String,
    /// `TRANSACTION.SUCCESS` and the like.
    pub event_type: String,
    /// Our number that it is about.
    pub subject: String,
    /// The headers of its signature, as a JSON object.
    pub headers: String,
    /// The body, byte for byte.
    pub body: String,
    /// How often it came.
    pub received: i64,
    /// When it came first.
    pub received_ms: Timestamp,
    /// When it came last.
    pub last_ms: Timestamp,
}

refusals! {
    /// Why a stored callback is not carried out again.
    pub enum NoticeRefusal {
        /// No such callback.
        NotFound = Missing, "notice.not_found", "no such callback";
        /// The person whom it was about has gone, and its content went along.
        Erased = Conflict, "notice.erased", "its content was removed with the account that it was about";
        /// Neither the present nor the previous `APIv3` key opens it.
        Sealed = Conflict, "notice.sealed", "neither the present nor the previous APIv3 key opens it";
    }
}
plain_refusal!(NoticeRefusal);
