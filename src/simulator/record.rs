//! What the ledger keeps: one struct a kind, written whole to the journal at each change.

use super::notice::Trick;
use crate::model::{money::Fen, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Somebody who uses WeChat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The simulator's own name for them; WeChat shows nobody such a thing.
    pub id: String,
    /// Shown in the console.
    pub name: String,
    /// The same in every mini-program, where those belong to one open-platform account.
    pub unionid: Option<String>,
    /// A mainland number without prefix.
    pub phone: String,
    /// Logins are answered 40226.
    pub risky: bool,
    /// Per appid.
    pub accounts: BTreeMap<String, Account>,
    /// When they were added.
    pub created_ms: Timestamp,
}

/// A user within one mini-program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Differs from one mini-program to the next.
    pub openid: String,
    /// Base64 of 16 bytes; empty before the first login.
    pub session_key: String,
    /// When that key was made.
    pub session_key_ms: Timestamp,
}

/// What a one-time code is good for. Neither kind is accepted in the other's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// From `wx.login`.
    Login,
    /// From a `getPhoneNumber` button.
    Phone,
}

/// A one-time code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Code {
    /// The code itself.
    pub(super) text: String,
    /// What for.
    pub(super) purpose: Purpose,
    /// Which mini-program it was made in.
    pub(super) appid: String,
    /// Whose.
    pub(super) user: String,
    /// The first moment it is refused.
    pub(super) expires_ms: Timestamp,
    /// Whether it was exchanged.
    pub(super) used: bool,
}

/// An access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    /// The token itself.
    pub(super) text: String,
    /// Whose.
    pub(super) appid: String,
    /// From `stable_token`, whose tokens know nothing of those from `token`.
    pub(super) stable: bool,
    /// When it was made.
    pub(super) created_ms: Timestamp,
    /// When it runs out: 42001 from then on.
    pub(super) expires_ms: Timestamp,
    /// When it was, or will be, replaced: 40001 from then on.
    pub(super) replaced_ms: Option<Timestamp>,
    /// Made by `force_refresh`, of which a day allows twenty.
    pub(super) forced: bool,
}

/// What stands in a mini-program code that was drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// Of which mini-program.
    pub appid: String,
    /// What its page is given.
    pub scene: String,
    /// Which page it opens; empty for the first.
    pub page: String,
    /// What the page is given; a code has its scene alone, a link has this.
    #[serde(default)]
    pub query: String,
    /// In which version.
    pub env_version: String,
    /// When it was drawn.
    pub created_ms: Timestamp,
}

/// How many messages of a template somebody agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// In which mini-program.
    pub appid: String,
    /// Who.
    pub openid: String,
    /// By which template.
    pub template_id: String,
    /// How many may still be sent.
    pub left: u32,
}

/// A subscribe message that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `msgid`.
    pub id: String,
    /// Which mini-program.
    pub appid: String,
    /// To whom.
    pub openid: String,
    /// Which template.
    pub template_id: String,
    /// Where a tap leads.
    pub page: Option<String>,
    /// Values by name.
    pub data: BTreeMap<String, String>,
    /// When it was sent.
    pub created_ms: Timestamp,
}

/// The state of an order at WeChat Pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TradeState {
    /// Waiting for the user.
    NotPay,
    /// Paid.
    Success,
    /// Paid, and a refund was asked for, be it of a part.
    Refund,
    /// Closed unpaid.
    Closed,
}

/// A prepay id, good for two hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepay {
    /// `wx…`.
    pub id: String,
    /// The first moment it is refused.
    pub expires_ms: Timestamp,
}

/// An order at WeChat Pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The merchant's number.
    pub out_trade_no: String,
    /// Which mini-program.
    pub appid: String,
    /// Who must pay.
    pub openid: String,
    /// Shown in the bill.
    pub description: String,
    /// Echoed.
    pub attach: Option<String>,
    /// Where success is told.
    pub notify_url: String,
    /// The amount.
    pub total_fen: Fen,
    /// The last moment to pay.
    pub time_expire_ms: Option<Timestamp>,
    /// The request as it came: a repetition must be the same.
    pub request: serde_json::Value,
    /// Every prepay id given out, the newest last.
    pub prepay_ids: Vec<Prepay>,
    /// Where it stands.
    pub state: TradeState,
    /// WeChat's number, once paid.
    pub transaction_id: Option<String>,
    /// How often the user's bank said no.
    pub failed_attempts: u32,
    /// How often the user closed the cashier.
    pub cancels: u32,
    /// When it was ordered.
    pub created_ms: Timestamp,
    /// When it was paid.
    pub success_ms: Option<Timestamp>,
}

/// The state of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RefundStatus {
    /// Accepted, the money is on its way.
    Processing,
    /// The user has the money.
    Success,
    /// The user's account takes no money; the merchant must act.
    Abnormal,
    /// Given up; a new number is needed.
    Closed,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The merchant's number, which makes the request repeatable.
    pub out_refund_no: String,
    /// WeChat's number.
    pub refund_id: String,
    /// Which order.
    pub out_trade_no: String,
    /// WeChat's number of that order.
    pub transaction_id: String,
    /// Shown to the user.
    pub reason: Option<String>,
    /// Where the result is told.
    pub notify_url: Option<String>,
    /// This refund.
    pub refund_fen: Fen,
    /// The whole order.
    pub total_fen: Fen,
    /// The request as it came: a repetition must be the same.
    pub request: serde_json::Value,
    /// Where it stands.
    pub status: RefundStatus,
    /// When it was asked for.
    pub created_ms: Timestamp,
    /// When it leaves `PROCESSING`.
    pub settles_ms: Timestamp,
    /// When the money arrived.
    pub success_ms: Option<Timestamp>,
}

/// Where a callback stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    /// An attempt is planned.
    Waiting,
    /// Answered 200 or 204.
    Done,
    /// Every attempt of the schedule failed.
    GivenUp,
    /// Never sent, by a fault or by the operator.
    Dropped,
}

/// One delivery of a callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it was sent.
    pub at_ms: Timestamp,
    /// When the answer, or the time-out, came.
    pub ended_ms: Timestamp,
    /// What was odd about it.
    pub trick: Trick,
    /// Which key it claimed.
    pub serial: String,
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    /// The beginning of the answer's body, or what failed.
    pub answer: String,
    /// A forgery that was answered 2xx: the backend under test believed it.
    pub fooled: bool,
}

/// A notice to the merchant and its deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The notice's id, the same in each attempt.
    pub id: String,
    /// `TRANSACTION.SUCCESS`, `REFUND.SUCCESS`, …
    pub event_type: String,
    /// `out_trade_no` or `out_refund_no`.
    pub subject: String,
    /// Where to.
    pub url: String,
    /// The mini-program it is pushed to; absent for a notice of the pay interface.
    #[serde(default)]
    pub appid: Option<String>,
    /// What it says, before it is sealed.
    pub resource: serde_json::Value,
    /// When it came into being.
    pub created_ms: Timestamp,
    /// When the next attempt is due.
    pub due_ms: Option<Timestamp>,
    /// How many rounds of the schedule have gone by.
    pub rounds: u32,
    /// Where it stands.
    pub state: CallbackState,
    /// Every delivery, the oldest first.
    pub attempts: Vec<Attempt>,
}
