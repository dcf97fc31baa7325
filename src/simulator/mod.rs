//! A faithful WeChat and WeChat Pay on a port of its own: login codes, tokens, phone numbers, messages, prepay, cashier,
//! refunds, signed and sealed callbacks with the real retry schedule, and every misbehaviour a backend must stand.
//!
//! It knows nothing of the shop in this crate and uses only `config`, `model::{time, money}` and the pure
//! cryptography of `wechat::pay::sign` and `wechat::push::packet`, so that it can stand in front of any backend in any language:
//! `weizhan simulator` runs it alone, `weizhan dev` beside the server, tests in process.
//!
//! Its ledger is the truth about money: a test compares what a backend believes with [`Simulator::ledger`].
//! Nothing is paid unless somebody pays: the cashier page, the control interface or [`Simulator::pay`].
//!
//! **How to add an interface:** its handler in a file named after the noun, its route in [`Simulator::router`]; state
//! goes through `Ledger::put` before the answer, so that it survives `kill -9`. **A fault:** a field of
//! [`Settings`] and the one place that reads it. **A record:** a struct in `record`, a line in `ledger`.

mod callback;
mod cashier;
mod control;
mod cos;
mod error;
mod faults;
mod keys;
mod ledger;
mod notice;
mod options;
mod pages;
mod pay;
mod push;
mod record;
mod serve;
mod subscription;
#[cfg(test)]
mod test;
mod trade;
mod user;
mod wechat;

pub use cos::{CosFault, CosOperation, CosOptions, CosSimulator, CosTrouble};
pub use error::Error;
pub use faults::{CallbackKey, Failure, Faults, Loss, ReplyLost, Rotation, Settings, Suggest};
pub use notice::{Notice, Trick};
pub use options::{Materials, Options};
pub use pay::BillTrick;
pub use push::{PushFormat, PushMode, PushTarget};
pub use record::{
    Account, Attempt, Callback, CallbackState, Message, Payment, Prepay, Refund, RefundStatus, Scene, Subscription,
    TradeState, User,
};
pub use subscription::SubscribeTap;
pub use trade::Shipment;
pub use user::{Encrypted, NewUser, UserInfo};
pub use wechat::TokenCalls;

use crate::model::time::Timestamp;
use axum::{Router, middleware};
use keys::Keys;
use ledger::Ledger;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};
use tokio_util::task::TaskTracker;

/// A callback that is not answered within this time has failed.
const CALLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// A running WeChat. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Simulator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: Options,
    keys: Arc<Keys>,
    ledger: Mutex<Ledger>,
    faults: Faults,
    /// Where mini-programs want their messages.
    pushes: push::Targets,
    http: reqwest::Client,
    /// Callbacks being delivered at this moment, which nobody else may deliver too.
    in_flight: Mutex<HashSet<String>>,
    /// Rung when something new may be due.
    bell: tokio::sync::Notify,
    tasks: TaskTracker,
    /// Questions for a stable token, and how many of them forced one.
    token_calls: [AtomicU64; 2],
}

/// The truth about money, as this WeChat Pay has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Every order, the oldest first.
    pub payments: Vec<Payment>,
    /// Every refund, the oldest first.
    pub refunds: Vec<Refund>,
}

impl Simulator {
    /// Reads or makes keys and ledger. Nothing runs yet: see [`serve`](Self::serve).
    pub fn new(options: Options) -> Result<Self, Error> {
        let keys = Arc::new(Keys::open(&options)?);
        Self::with_keys(options, keys)
    }

    fn with_keys(options: Options, keys: Arc<Keys>) -> Result<Self, Error> {
        let ledger = Ledger::open(options.journal.as_deref(), options.clock.now())?;
        // WeChat follows no redirects, and loopback must not go through a proxy of the environment.
        let http = reqwest::Client::builder()
            .timeout(CALLBACK_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent("Mozilla/4.0")
            .build()
            .map_err(|error| Error::Keys(format!("no HTTP client: {error}")))?;
        Ok(Self(Arc::new(Inner {
            options,
            keys,
            ledger: Mutex::new(ledger),
            faults: Faults::default(),
            pushes: push::Targets::default(),
            http,
            in_flight: Mutex::default(),
            bell: tokio::sync::Notify::new(),
            tasks: TaskTracker::new(),
            token_calls: Default::default(),
        })))
    }

    /// Both interfaces, the control interface and the pages, for callers that serve it themselves; callbacks then
    /// go out when [`deliver_due`](Self::deliver_due) is called.
    pub fn router(&self) -> Router {
        let faults = middleware::from_fn_with_state(self.clone(), faults::apply);
        let interfaces = wechat::routes().merge(pay::routes(self)).layer(faults);
        interfaces.merge(control::routes()).merge(pages::routes()).with_state(self.clone())
    }

    /// What a backend is configured with.
    pub fn materials(&self) -> Materials {
        self.0.keys.materials.clone()
    }

    /// What goes wrong at present.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// All payments and refunds.
    pub fn ledger(&self) -> Truth {
        let ledger = self.lock();
        Truth { payments: ledger.payments.rows().cloned().collect(), refunds: ledger.refunds.rows().cloned().collect() }
    }

    /// Every subscribe message that was sent, the oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().messages.rows().cloned().collect()
    }

    /// The shipping information of every order that has some.
    pub fn shipments(&self) -> Vec<Shipment> {
        self.lock().shipments.rows().filter(|row| row.uploads > 0).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        // Every change is applied as a whole, so a panic elsewhere leaves nothing half done.
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.0.options.clock.now()
    }

    fn options(&self) -> &Options {
        &self.0.options
    }

    fn secret_of(&self, appid: &str) -> Option<&str> {
        self.0.options.apps.iter().find(|(known, _)| known == appid).map(|(_, secret)| secret.as_str())
    }
}
