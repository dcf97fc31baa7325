//! The settings structs, one for each section of `config/default.toml`, in its order.

use super::Secret;
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf};

/// All settings of a node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub node: Node,
    pub server: Server,
    pub limits: Limits,
    pub log: Log,
    pub database: Database,
    pub cache: Cache,
    pub storage: Storage,
    pub auth: Auth,
    pub privacy: Privacy,
    pub order: Order,
    pub jobs: Jobs,
    pub wechat: Wechat,
    pub pay: Pay,
}

/// Which node of the cluster this is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// 0 to 31, different on each node: part of every id.
    pub id: u8,
}

/// Listening and the limits of a connection.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    pub trusted_proxies: Vec<std::net::IpAddr>,
    pub connections_max: usize,
    pub header_timeout_ms: u64,
    pub body_timeout_ms: u64,
    pub handler_timeout_ms: u64,
    pub body_bytes_max: usize,
    pub drain_ms: u64,
    pub shutdown_timeout_ms: u64,
}

/// How often one caller may call; in requests per minute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub per_ip_per_minute: u32,
    pub per_user_per_minute: u32,
    pub login_per_ip_per_minute: u32,
    pub order_per_user_per_minute: u32,
    pub phone_per_user_per_minute: u32,
    pub staff_sign_in_per_ip_per_minute: u32,
}

/// How much is logged and in which form.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line, for collectors.
    Json,
    /// For people.
    Pretty,
}

/// Rows.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: Secret,
    pub url_file: Option<PathBuf>,
    pub connections_max: u32,
    pub acquire_timeout_ms: u64,
    pub lock_wait_seconds: u32,
    pub allow_unsafe: bool,
}

/// Hot copies.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    pub redis_url: Secret,
    pub redis_url_file: Option<PathBuf>,
    pub memory_bytes_max: u64,
    pub product_stale_ms: u64,
    pub category_stale_ms: u64,
    pub timeout_ms: u64,
}

/// Objects.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    pub directory: PathBuf,
}

/// Tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub token_key: Secret,
    pub token_key_file: Option<PathBuf>,
    pub previous_token_key: Secret,
    pub access_minutes: u64,
    pub staff_minutes: u64,
    pub refresh_days: u64,
    pub refresh_grace_seconds: u64,
}

/// Personal data at rest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    pub data_key: Secret,
    pub data_key_file: Option<PathBuf>,
}

/// Rules of an order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub unpaid_minutes: u64,
    pub lines_max: usize,
    pub quantity_max: i64,
    pub freight_fen: i64,
    pub free_freight_from_fen: i64,
}

/// Work outside a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    pub workers: usize,
    pub poll_ms: u64,
    pub lease_seconds: u64,
    pub keep_days: u64,
}

/// The mini-program platform.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wechat {
    pub base_url: url::Url,
    pub timeout_ms: u64,
    pub apps: Vec<App>,
}

/// One mini-program.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    pub appid: String,
    #[serde(default)]
    pub secret: Secret,
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
}

/// WeChat Pay API v3 of a direct merchant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pay {
    pub base_url: url::Url,
    pub timeout_ms: u64,
    /// Base of the callback addresses, as WeChat reaches this shop: `https://shop.example`.
    pub notify_base_url: url::Url,
    pub mchid: String,
    pub merchant_serial: String,
    /// PKCS#8 PEM of the merchant (`apiclient_key.pem`).
    pub merchant_key: Secret,
    pub merchant_key_file: Option<PathBuf>,
    /// 32 ASCII characters.
    pub api_v3_key: Secret,
    pub api_v3_key_file: Option<PathBuf>,
    /// The key before the last change, or empty.
    pub previous_api_v3_key: Secret,
    /// `PUB_KEY_ID_…`; empty in platform-certificate mode.
    pub public_key_id: String,
    /// PEM of the WeChat Pay public key (`pub_key.pem`); empty in platform-certificate mode.
    pub public_key: Secret,
    pub public_key_file: Option<PathBuf>,
    /// Whether platform certificates are fetched from WeChat; with both, notices of either kind are accepted.
    pub platform_certificates: bool,
}
