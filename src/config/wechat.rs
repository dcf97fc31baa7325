//! The settings that name a mini-program and a merchant to WeChat.

use super::{Config, Secret, check::Check, settings::path_or_empty};
use crate::model::payment::LatePolicy;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use url::Url;

/// The mini-program platform.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Wechat {
    /// Where it is; the simulator in development.
    pub base_url: Url,
    /// How long a call may take.
    pub timeout_ms: u64,
    /// Links that WeChat makes in a day for a mini-program.
    pub links_per_day: u32,
    /// The mini-programs that are served.
    pub apps: Vec<App>,
}

/// One mini-program.
///
/// The optional keys default here and not in `default.toml`: an entry of a list has no place there.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// `wx` and 16 more characters.
    pub appid: String,
    /// The `AppSecret` of the mini-program.
    #[serde(default)]
    pub secret: Secret,
    /// File that holds `secret`.
    #[serde(default, deserialize_with = "path_or_empty")]
    pub secret_file: Option<PathBuf>,
    /// Token of message push; empty: no message is taken.
    #[serde(default)]
    pub push_token: Secret,
    /// File that holds `push_token`.
    #[serde(default, deserialize_with = "path_or_empty")]
    pub push_token_file: Option<PathBuf>,
    /// `EncodingAESKey` of message push; empty in plaintext mode.
    #[serde(default)]
    pub push_aes_key: Secret,
    /// File that holds `push_aes_key`.
    #[serde(default, deserialize_with = "path_or_empty")]
    pub push_aes_key_file: Option<PathBuf>,
}

impl App {
    /// The keys of an entry, for whoever must know them without one.
    pub(super) const KEYS: [&str; 7] =
        ["appid", "secret", "secret_file", "push_token", "push_token_file", "push_aes_key", "push_aes_key_file"];
}

/// What WeChat looks at before it is shown (内容安全).
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Moderation {
    /// Pictures that people see who did not ask for them.
    pub pictures: bool,
    /// Names.
    pub names: bool,
}

impl Check {
    /// The answers about pictures come as messages.
    pub(super) fn moderation(&mut self, config: &Config) {
        let silent = config.wechat.apps.iter().position(|app| app.push_token.is_empty());
        if let Some(position) = silent.filter(|_| config.moderation.pictures) {
            let key = format!("wechat.apps.{position}.push_token");
            self.demand(false, &key, "moderation.pictures needs it: WeChat's answers come as messages");
        }
    }
}

/// WeChat Pay API v3 of a direct merchant.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pay {
    /// Where it is; the simulator in development.
    pub base_url: Url,
    /// How long a call may take.
    pub timeout_ms: u64,
    /// The longest pause between two questions whether an order was paid; 1 to 60.
    pub query_every_seconds: u64,
    /// Base of the callback addresses, as WeChat reaches this shop: `https://shop.example`.
    pub notify_base_url: Url,
    /// Merchant number.
    pub mchid: String,
    /// Serial number of the merchant's API certificate.
    pub merchant_serial: String,
    /// PKCS#8 PEM of the merchant (`apiclient_key.pem`).
    pub merchant_key: Secret,
    /// File that holds `merchant_key`.
    #[serde(deserialize_with = "path_or_empty")]
    pub merchant_key_file: Option<PathBuf>,
    /// 32 ASCII characters.
    pub api_v3_key: Secret,
    /// File that holds `api_v3_key`.
    #[serde(deserialize_with = "path_or_empty")]
    pub api_v3_key_file: Option<PathBuf>,
    /// The key before the last change, or empty.
    pub previous_api_v3_key: Secret,
    /// File that holds `previous_api_v3_key`.
    #[serde(deserialize_with = "path_or_empty")]
    pub previous_api_v3_key_file: Option<PathBuf>,
    /// `PUB_KEY_ID_…`; empty in platform-certificate mode.
    pub public_key_id: String,
    /// PEM of the WeChat Pay public key (`pub_key.pem`); empty in platform-certificate mode.
    pub public_key: Secret,
    /// File that holds `public_key`.
    #[serde(deserialize_with = "path_or_empty")]
    pub public_key_file: Option<PathBuf>,
    /// What becomes of money that arrives for an order which closed unpaid.
    pub late_payment: LatePolicy,
    /// Whether platform certificates are fetched from WeChat; with both, notices of either kind are accepted.
    pub platform_certificates: bool,
    /// Whether money is in the merchant's account as soon as it is paid.
    pub settles_at_once: bool,
}
