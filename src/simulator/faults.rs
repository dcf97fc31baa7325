//! Faults on demand: what this WeChat does wrong, set in process or over the control interface.

use super::{
    Simulator,
    notice::Trick,
    pay::{BillTrick, Refusal},
    record::RefundStatus,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Everything that can be set to go wrong. The default is a WeChat that behaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the console")]
pub struct Settings {
    /// Each callback is sent so many times more, all at once.
    pub duplicate: u32,
    /// Each new callback waits so long before its first attempt.
    pub delay_ms: u32,
    /// New callbacks are never sent.
    pub drop: bool,
    /// Callbacks are sent forged in this manner, and only so.
    pub forge: Option<Trick>,
    /// Each callback is sent with a `WECHATPAY/SIGNTEST/` signature first, then rightly.
    pub probe: bool,
    /// Which key signs callbacks.
    pub callback_key: CallbackKey,
    /// How far the platform certificate has been replaced by the next one.
    pub rotation: Rotation,
    /// Requests that are refused without being carried out.
    pub fail: Vec<Failure>,
    /// Requests that are carried out and never answered.
    pub reply_lost: Vec<Loss>,
    /// Paths, or how they begin, that are never answered and not carried out.
    pub silent: Vec<String>,
    /// The next so many orders that the merchant closes are paid the moment before.
    pub paid_at_close: u32,
    /// Every call of the platform interface is answered -1.
    pub busy: bool,
    /// Every request waits so long before it is carried out.
    pub slow_ms: u32,
    /// Replies of the pay interface carry no signature.
    pub unsigned_replies: bool,
    /// So many replies carry a `WECHATPAY/SIGNTEST/` signature.
    pub probe_replies: u32,
    /// The merchant has no money for refunds.
    pub not_enough: bool,
    /// How refunds end; `None` is well.
    pub refund_result: Option<RefundStatus>,
    /// The merchant has only the public key: there are no certificates to fetch.
    pub no_platform_certificate: bool,
    /// How bills differ from the truth.
    pub bill: Vec<BillTrick>,
    /// Each login makes a new session key.
    pub rotate_session_key: bool,
    /// What content checks say of pictures; `None` is well.
    pub picture_suggest: Option<Suggest>,
    /// So long after a payment the shipping interface does not find its order (10060001).
    pub ship_lag_seconds: u32,
}

/// What a content check advises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suggest {
    /// Nothing is against it.
    Pass,
    /// A person should look.
    Review,
    /// It must not be shown.
    Risky,
}

/// Which key signs callbacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackKey {
    /// The WeChat Pay public key.
    #[default]
    PublicKey,
    /// The platform certificate.
    Certificate,
    /// Either, by chance, as while a merchant is being moved.
    Mixed,
}

/// How far the platform certificate has been replaced by the next one. WeChat lists a new certificate some time before the
/// old one ends, then signs with it, and in the end lists it alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// There is one certificate.
    #[default]
    Before,
    /// The next one is listed beside it; the old one signs.
    Listed,
    /// Both are listed; the next one signs.
    Signing,
    /// The next one alone.
    Over,
}

/// The next requests of a path fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The beginning of the path.
    pub path: String,
    /// Only this method.
    #[serde(default)]
    pub method: Option<String>,
    /// How many requests.
    pub count: u32,
    /// The HTTP status; the platform interface normally fails with 200.
    pub status: u16,
    /// `SYSTEM_ERROR` and the like for the pay interface, a number such as `45011` for the platform.
    pub code: String,
}

/// The next requests of a path are carried out, then the connection is closed without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// The beginning of the path.
    pub path: String,
    /// Only this method.
    #[serde(default)]
    pub method: Option<String>,
    /// How many requests.
    pub count: u32,
}

/// Marks a reply that must not reach the caller: [`serve`](Simulator::serve) closes the connection instead, and
/// whoever calls the router itself sees 502 without a body.
#[derive(Debug, Clone, Copy)]
pub struct ReplyLost;

/// The faults in force.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Settings>);

impl Faults {
    /// What is set now; counts show what is left of them.
    pub fn get(&self) -> Settings {
        self.lock().clone()
    }
    /// Replaces all of it.
    pub fn set(&self, settings: Settings) {
        *self.lock() = settings;
    }
    /// Changes some of it.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.lock());
    }
    /// Behave again.
    pub fn clear(&self) {
        self.set(Settings::default());
    }

    fn lock(&self) -> MutexGuard<'_, Settings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the reply at hand is one that must carry a probing signature.
    pub(super) fn take_probe(&self) -> bool {
        let mut settings = self.lock();
        let wanted = settings.probe_replies > 0;
        settings.probe_replies -= u32::from(wanted);
        wanted
    }

    fn take_failure(&self, method: &Method, path: &str) -> Option<Failure> {
        let mut settings = self.lock();
        settings.fail.retain(|rule| rule.count > 0);
        let found = settings.fail.iter_mut().find(|rule| fits(&rule.path, rule.method.as_deref(), method, path))?;
        found.count -= 1;
        let failure = found.clone();
        settings.fail.retain(|rule| rule.count > 0);
        Some(failure)
    }

    /// Whether the order that is being closed is paid the moment before.
    pub(super) fn take_payment(&self) -> bool {
        let mut settings = self.lock();
        let wanted = settings.paid_at_close > 0;
        settings.paid_at_close -= u32::from(wanted);
        wanted
    }

    fn take_loss(&self, method: &Method, path: &str) -> bool {
        let mut settings = self.lock();
        let rules = &mut settings.reply_lost;
        rules.retain(|rule| rule.count > 0);
        let Some(found) = rules.iter_mut().find(|rule| fits(&rule.path, rule.method.as_deref(), method, path)) else {
            return false;
        };
        found.count -= 1;
        rules.retain(|rule| rule.count > 0);
        true
    }
}

fn fits(prefix: &str, only: Option<&str>, method: &Method, path: &str) -> bool {
    path.starts_with(prefix) && only.is_none_or(|only| method.as_str().eq_ignore_ascii_case(only))
}

/// The layer around both interfaces that lets requests fail, wait or go unanswered.
pub(super) async fn apply(State(simulator): State<Simulator>, request: Request, next: Next) -> Response {
    let faults = simulator.faults();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let Settings { slow_ms, busy, silent, .. } = faults.get();
    if silent.iter().any(|prefix| path.starts_with(prefix)) {
        std::future::pending::<()>().await;
    }
    if slow_ms > 0 {
        tokio::time::sleep(Duration::from_millis(u64::from(slow_ms))).await;
    }
    let pay = path.starts_with("/v3/");
    if let Some(failure) = faults.take_failure(&method, &path) {
        return refuse(&failure, pay);
    }
    if busy && !pay {
        return super::wechat::errcode(-1).into_response();
    }
    let response = next.run(request).await;
    if faults.take_loss(&method, &path) {
        let mut lost = Response::new(Body::empty());
        *lost.status_mut() = StatusCode::BAD_GATEWAY;
        lost.extensions_mut().insert(ReplyLost);
        return lost;
    }
    response
}

fn refuse(failure: &Failure, pay: bool) -> Response {
    let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if pay {
        return Refusal::new(status, &failure.code, "a fault that was asked for").into_response();
    }
    (status, super::wechat::errcode(failure.code.parse().unwrap_or(-1))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_hits_its_path_and_method_so_many_times() {
        let faults = Faults::default();
        let method = Some("post".to_owned());
        let rule = Failure { path: "/v3/refund".into(), method, count: 2, status: 500, code: "SYSTEM_ERROR".into() };
        faults.change(|settings| settings.fail.push(rule));
        assert!(faults.take_failure(&Method::GET, "/v3/refund/domestic/refunds/1").is_none());
        assert!(faults.take_failure(&Method::POST, "/v3/pay/transactions/jsapi").is_none());
        for _ in 0..2 {
            assert!(faults.take_failure(&Method::POST, "/v3/refund/domestic/refunds").is_some());
        }
        assert!(faults.take_failure(&Method::POST, "/v3/refund/domestic/refunds").is_none());
        assert_eq!(faults.get(), Settings::default());
    }

    #[test]
    fn settings_are_read_strictly() {
        let settings: Settings = serde_json::from_str(r#"{"duplicate":3,"forge":"tampered"}"#).expect("partial");
        assert_eq!((settings.duplicate, settings.forge, settings.delay_ms), (3, Some(Trick::Tampered), 0));
        assert!(serde_json::from_str::<Settings>(r#"{"duplicates":3}"#).is_err());
    }
}
