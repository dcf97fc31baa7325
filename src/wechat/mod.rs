//! The real client of the WeChat platform and of WeChat Pay. It is never mocked: in development it talks to the
//! simulator, because its address is a setting.
//!
//! It may use `config` and the time and money of `model`, and it keeps nothing: no rows, no rules of the shop. What
//! it hands out is what WeChat said, checked to be WeChat's.
//!
//! **How to add a platform call:** a file named after what it gets; an answer struct with only the fields used; a
//! method on [`Wechat`] that calls `post_with_token`; its new `errcode`s go into `platform::kind_of`. **A WeChat Pay
//! call** goes into `pay`, through `pay_call`, which signs and verifies.

mod breaker;
mod code;
#[cfg(test)]
mod desk;
pub mod doctor;
pub mod encrypted;
mod error;
mod link;
mod login;
pub mod meaning;
mod message;
mod meter;
pub mod pay;
mod phone;
mod platform;
pub mod push;
pub mod security;
mod session;
mod shipping;
mod token;
mod transport;
mod visit;

pub use code::UnlimitedCode;
pub use error::{Error, ErrorKind};
pub use link::LinkTarget;
pub use login::LoginSession;
pub use message::{MessageVerdict, SubscribeMessage};
pub use meter::Meter;
pub use phone::Phone;
pub use shipping::{
    DeliveryMode, LogisticsType, OrderKey, OrderState, ShippedOrder, ShippingInfo, ShippingParcel, UploadVerdict,
};
pub use token::{FetchLease, StoreError, Stored, StoredToken, TokenStore};
pub use visit::{Returned, VisitPage, VisitReturns, VisitSummary, VisitTrend};

pub use crate::config::Secret;
use crate::{config, model::time::Clock};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio_util::task::TaskTracker;

/// The client. Clones share connections, tokens and keys.
#[derive(Clone)]
pub struct Wechat(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    platform_base: url::Url,
    platform_timeout: Duration,
    apps: HashMap<String, App>,
    merchant: pay::Merchant,
    tokens: Arc<dyn TokenStore>,
    /// Certificate downloads, which outlive the request that needed them.
    tasks: TaskTracker,
    meter: Meter,
    breakers: breaker::Breakers,
}

struct App {
    secret: Secret,
    token: token::TokenHolder,
    push_token: Secret,
    /// Absent in plaintext mode.
    push_key: Option<push::packet::PushKey>,
}

impl App {
    fn new(app: &config::App) -> Result<Self, Error> {
        let key = app.push_aes_key.expose();
        let key = (!key.is_empty()).then(|| push::packet::PushKey::new(key)).transpose();
        Ok(Self {
            secret: app.secret.clone(),
            token: token::TokenHolder::default(),
            push_token: app.push_token.clone(),
            push_key: key.map_err(|error| Error::setting("wechat.apps.push_aes_key", error))?,
        })
    }
}

impl std::fmt::Debug for Wechat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wechat").field("apps", &self.0.apps.keys()).finish_non_exhaustive()
    }
}

impl Wechat {
    /// Reads keys and addresses; nothing is sent yet. Fails with [`ErrorKind::Config`] and the name of the setting.
    /// The access tokens of all nodes are kept in `tokens`.
    pub fn new(
        wechat: &config::Wechat,
        pay: &config::Pay,
        clock: Arc<dyn Clock>,
        tokens: Arc<dyn TokenStore>,
    ) -> Result<Self, Error> {
        let app = |app: &config::App| App::new(app).map(|known| (app.appid.clone(), known));
        Ok(Self(Arc::new(Inner {
            http: transport::client()?,
            clock,
            platform_base: wechat.base_url.clone(),
            platform_timeout: Duration::from_millis(wechat.timeout_ms),
            apps: wechat.apps.iter().map(app).collect::<Result<_, _>>()?,
            merchant: pay::Merchant::new(pay)?,
            tokens,
            tasks: TaskTracker::new(),
            meter: Meter::default(),
            breakers: breaker::Breakers::default(),
        })))
    }

    /// Whether this mini-program is one of ours.
    pub fn knows_app(&self, appid: &str) -> bool {
        self.0.apps.contains_key(appid)
    }

    /// The platform calls that were made so far, and whether each is being made: one that is not answered is not.
    pub fn breakers(&self) -> Vec<(&'static str, bool)> {
        self.0.breakers.list()
    }

    fn app(&self, operation: &'static str, appid: &str) -> Result<&App, Error> {
        self.0.apps.get(appid).ok_or_else(|| Error::new(operation, ErrorKind::Config, "appid_unknown"))
    }
}
