//! The settings structs, one for each section of `config/default.toml`, in its order.
//!
//! No field has a default here: defaults stand in that file alone, and a test takes each key out of it and demands
//! that the rest does not load. `config/default.toml` says more about each key than the sentences below.

use super::{Cos, Messages, Moderation, Networks, Pay, Secret, Wechat};
use serde::{Deserialize, Deserializer, Serialize};
use std::{net::SocketAddr, path::PathBuf, str::FromStr};
use url::Url;

/// All settings of a node.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which node this is.
    pub node: Node,
    /// Listening.
    pub server: Server,
    /// How often one caller may call.
    pub limits: Limits,
    /// What is done when more comes than can be carried.
    pub overload: Overload,
    /// What is logged.
    pub log: Log,
    /// Traces.
    pub telemetry: Telemetry,
    /// Rows.
    pub database: Database,
    /// Hot copies.
    pub cache: Cache,
    /// Objects.
    pub storage: Storage,
    /// The bucket they are kept in.
    pub cos: Cos,
    /// Tokens.
    pub auth: Auth,
    /// Personal data at rest.
    pub privacy: Privacy,
    /// Rules of an order.
    pub order: Order,
    /// Telling WeChat what was sent.
    pub shipping: Shipping,
    /// Work outside a request.
    pub jobs: Jobs,
    /// The log of events.
    pub events: Events,
    /// What is counted from the events.
    pub figures: Figures,
    /// The mini-program platform.
    pub wechat: Wechat,
    /// What WeChat looks at before it is shown.
    pub moderation: Moderation,
    /// What users are told by subscribe messages.
    pub messages: Messages,
    /// WeChat Pay.
    pub pay: Pay,
}

/// Which node of the cluster this is.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// 0 to 31, different on each node: part of every id; `None`: the process takes a free one.
    #[serde(with = "auto_or_number")]
    pub id: Option<u8>,
    /// How long a number, and leadership, stay with a process that gives no sign of life.
    pub lease_ms: u64,
}

/// A number, or the word `auto`, since TOML has no null to write into `default.toml`.
mod auto_or_number {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(i64),
        Word(String),
    }

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(value: &Option<u8>, out: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(number) => out.serialize_u8(*number),
            None => out.serialize_str("auto"),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u8>, D::Error> {
        let wrong = |shown: String| D::Error::custom(format!("{shown} is neither `auto` nor 0 to 31"));
        match Written::deserialize(input)? {
            Written::Word(word) if word == "auto" => Ok(None),
            Written::Word(word) => Err(wrong(format!("{word:?}"))),
            Written::Number(number) => match u8::try_from(number) {
                Ok(number) if number <= 31 => Ok(Some(number)),
                _ => Err(wrong(number.to_string())),
            },
        }
    }
}

/// Listening and the limits of a connection.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Networks,
    /// Open connections.
    pub connections_max: usize,
    /// Time for the head of a request to arrive.
    pub header_timeout_ms: u64,
    /// Time for its body to arrive.
    pub body_timeout_ms: u64,
    /// Time for the answer to be made.
    pub handler_timeout_ms: u64,
    /// Largest body of a request.
    pub body_bytes_max: usize,
    /// At shutdown: how long answers say `Connection: close` before the listener goes away.
    pub drain_ms: u64,
    /// At shutdown: how long requests and jobs may take to finish.
    pub shutdown_timeout_ms: u64,
    /// Address and port of figures for Prometheus.
    #[serde(deserialize_with = "parsed_or_empty")]
    pub metrics_listen: Option<SocketAddr>,
    /// Whether WeChat Cloud Run is in front, and says who calls.
    pub cloud_run: bool,
    /// Open connections of one address that is no trusted proxy.
    pub connections_per_ip_max: usize,
}

/// How often one caller may call; in requests per minute.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Any request, by address.
    pub per_ip_per_minute: u32,
    /// Any request, by signed-in user.
    pub per_user_per_minute: u32,
    /// Sign-ins of buyers, by address.
    pub login_per_ip_per_minute: u32,
    /// Orders, by user.
    pub order_per_user_per_minute: u32,
    /// Phone numbers asked of WeChat, by user: WeChat charges for them.
    pub phone_per_user_per_minute: u32,
    /// Tries of staff to sign in, by address.
    pub staff_sign_in_per_ip_per_minute: u32,
    /// Any request of a signed-in user, by mini-program; 0: no limit.
    pub per_app_per_minute: u32,
    /// Routes that have a limit over all callers together.
    pub routes: Vec<RouteLimit>,
    /// How long Redis may take to count a call.
    pub redis_timeout_ms: u64,
}

/// How often a route may be called by all callers together.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RouteLimit {
    /// Method and path as the document names them: `POST /v1/me/phone`.
    pub route: String,
    /// Calls a minute.
    pub per_minute: u32,
}

impl RouteLimit {
    /// The keys of an entry, for whoever must know them without one.
    pub(super) const KEYS: [&str; 2] = ["route", "per_minute"];
}

/// What is done when more comes than can be carried.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Overload {
    /// Requests of a class that are worked on at first, for each connection to the database.
    pub requests_per_connection: u32,
    /// How long nine of ten requests that browse may take before fewer are worked on at a time.
    pub target_ms: u64,
    /// How long a request waits for its turn before it is refused.
    pub queue_ms: u64,
}

/// How much is logged and in which form.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// Directives of tracing's `EnvFilter`.
    pub filter: String,
    /// Which requests get a line.
    pub requests: RequestLog,
}

/// Which requests get a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestLog {
    /// Each one.
    All,
    /// Those that we failed, and those that took longer than a second.
    Failed,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line, for collectors.
    Json,
    /// For people.
    Pretty,
}

/// Traces.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Where traces are sent, over HTTP.
    #[serde(deserialize_with = "parsed_or_empty")]
    pub otlp_endpoint: Option<Url>,
    /// Share of the requests that are traced; 0 to 1.
    pub otlp_sample_ratio: f64,
}

/// Rows.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `mysql://…` or `sqlite:…`; secret, since it carries the password.
    pub url: Secret,
    /// File that holds `url`.
    #[serde(deserialize_with = "path_or_empty")]
    pub url_file: Option<PathBuf>,
    /// Connections of this node.
    pub connections_max: u32,
    /// Connections that store callbacks and do nothing else; on MySQL and MariaDB.
    pub callback_connections: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout_ms: u64,
    /// How long a statement waits for the lock of a row.
    pub lock_wait_seconds: u32,
    /// Start although the server may lose acknowledged writes.
    pub allow_unsafe: bool,
}

/// Hot copies.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// `redis://…` or `rediss://…`; empty: memory alone.
    pub redis_url: Secret,
    /// File that holds `redis_url`.
    #[serde(deserialize_with = "path_or_empty")]
    pub redis_url_file: Option<PathBuf>,
    /// Memory for hot copies on this node.
    pub memory_bytes_max: u64,
    /// Longest time a product may be shown as it was.
    pub product_stale_ms: u64,
    /// Longest time the list of categories may be shown as it was.
    pub category_stale_ms: u64,
    /// How long Redis may take; longer counts as a miss.
    pub timeout_ms: u64,
}

/// Objects.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Where objects are kept.
    pub kind: StorageKind,
    /// Folder of a [`StorageKind::Directory`], and of what is written before it goes into a bucket.
    pub directory: PathBuf,
    /// Seals backups, or empty.
    pub backup_key: Secret,
    /// File that holds `backup_key`.
    #[serde(deserialize_with = "path_or_empty")]
    pub backup_key_file: Option<PathBuf>,
}

/// Where objects are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageKind {
    /// A folder of this machine: for a single node.
    Directory,
    /// A bucket of Tencent COS.
    Cos,
}

/// Tokens.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Signs tokens; the same on each node.
    pub token_key: Secret,
    /// File that holds `token_key`.
    #[serde(deserialize_with = "path_or_empty")]
    pub token_key_file: Option<PathBuf>,
    /// The key before the last change, or empty: what it signed is still accepted.
    pub previous_token_key: Secret,
    /// File that holds `previous_token_key`.
    #[serde(deserialize_with = "path_or_empty")]
    pub previous_token_key_file: Option<PathBuf>,
    /// Life of a buyer's access token.
    pub access_minutes: u64,
    /// Life of a staff member's access token.
    pub staff_minutes: u64,
    /// Life of a refresh token.
    pub refresh_days: u64,
    /// How long a refresh token that was just used is answered again.
    pub refresh_grace_seconds: u64,
}

/// Personal data at rest.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    /// Seals phone numbers and addresses; the same on each node.
    pub data_key: Secret,
    /// File that holds `data_key`.
    #[serde(deserialize_with = "path_or_empty")]
    pub data_key_file: Option<PathBuf>,
}

/// Rules of an order.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// How long stock is held for an order that is not paid.
    pub unpaid_minutes: u64,
    /// Lines of one order.
    pub lines_max: usize,
    /// Pieces of one line.
    pub quantity_max: i64,
    /// Price of delivery.
    pub freight_fen: i64,
    /// Goods for this much are delivered free; 0: never for that reason.
    pub free_freight_from_fen: i64,
    /// After so many days an order that was sent is taken for received; 0: never.
    pub auto_receive_days: u64,
}

/// Telling WeChat what was sent.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Shipping {
    /// Whether shipping information is uploaded.
    pub upload: bool,
}

/// Work outside a request.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// Jobs that run at the same time on this node; 0: none.
    pub workers: usize,
    /// How often the queue is asked for due work.
    pub poll_ms: u64,
    /// How long a claimed job is left alone after the last sign of life of its node.
    pub lease_seconds: u64,
    /// How long finished jobs are kept.
    pub keep_days: u64,
    /// The queues that this node takes jobs from; none named: all.
    pub queues: Vec<String>,
}

/// The log of events.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// How long events stay in the log.
    pub retain_days: u64,
    /// Events that may wait on this node to be written.
    pub waiting_max: usize,
}

/// What is counted from the events.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// How long figures by the minute are kept.
    pub minute_days: u64,
    /// Whether what WeChat counted is brought in each day.
    pub import_visits: bool,
}

/// A path; empty text means none, since TOML has no null to write into `default.toml`.
pub(super) fn path_or_empty<'de, D: Deserializer<'de>>(input: D) -> Result<Option<PathBuf>, D::Error> {
    PathBuf::deserialize(input).map(|path| Some(path).filter(|path| !path.as_os_str().is_empty()))
}

/// A value that is read from text; empty text means none.
pub(super) fn parsed_or_empty<'de, D, T>(input: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: std::fmt::Display>,
{
    let text = String::deserialize(input)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
}
