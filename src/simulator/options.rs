//! What a simulator is started with, and what a backend needs to be configured against it.

use crate::model::time::Clock;
use std::{path::PathBuf, sync::Arc};

/// How to start a [`Simulator`](super::Simulator).
#[derive(Clone)]
pub struct Options {
    /// The time of this WeChat: token and code lifetimes, signatures, retries.
    pub clock: Arc<dyn Clock>,
    /// The file that keeps the ledger over restarts; `None` keeps it in memory.
    pub journal: Option<PathBuf>,
    /// The folder where keys are made once and kept; `None` makes fresh ones, which takes a second.
    pub keys: Option<PathBuf>,
    /// The mini-programs, as `(appid, secret)`; each is bound to the merchant.
    pub apps: Vec<(String, String)>,
    /// The merchant.
    pub mchid: String,
    /// 32 ASCII characters.
    pub api_v3_key: String,
    /// How much faster waits pass: 60.0 retries a callback after a quarter of a second instead of 15. It applies to
    /// the waits between callback attempts, the time of a refund, and the minute between refunds of one order;
    /// lifetimes of codes, tokens and orders stay as they are, since backends measure them with their own clocks.
    pub speed: f64,
    /// Whether [`serve`](super::Simulator::serve) delivers callbacks by itself. Tests say `false` and call
    /// [`deliver_due`](super::Simulator::deliver_due).
    pub automatic: bool,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let appids: Vec<&str> = self.apps.iter().map(|(appid, _)| appid.as_str()).collect();
        f.debug_struct("Options").field("mchid", &self.mchid).field("apps", &appids).finish_non_exhaustive()
    }
}

impl Options {
    /// A wait of so many seconds, shortened by [`speed`](Self::speed), in milliseconds.
    pub(super) fn wait_ms(&self, seconds: u32) -> i64 {
        let speed = if self.speed.is_finite() && self.speed > 0.0 { self.speed } else { 1.0 };
        let wait = std::time::Duration::from_secs(u64::from(seconds)).div_f64(speed.clamp(1e-3, 1e6));
        i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 4)
    }
}

/// Everything a backend needs to be configured against the simulator, as the merchant console hands it out.
#[derive(Clone, serde::Serialize)]
pub struct Materials {
    /// The merchant.
    pub mchid: String,
    /// Serial of the merchant's certificate, 40 upper-case hexadecimal digits.
    pub merchant_serial: String,
    /// The merchant's API key, PKCS#8 (`apiclient_key.pem`).
    pub merchant_key_pem: String,
    /// The merchant's certificate (`apiclient_cert.pem`), which some SDKs read the serial from.
    pub merchant_certificate_pem: String,
    /// The `APIv3` key.
    pub api_v3_key: String,
    /// `PUB_KEY_ID_…`.
    pub public_key_id: String,
    /// The WeChat Pay public key (`pub_key.pem`).
    pub public_key_pem: String,
    /// The platform certificate, as `GET /v3/certificates` gives it.
    pub platform_certificate_pem: String,
    /// Its serial.
    pub platform_serial: String,
}

impl std::fmt::Debug for Materials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Materials").field("mchid", &self.mchid).finish_non_exhaustive()
    }
}
