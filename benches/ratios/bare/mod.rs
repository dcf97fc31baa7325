//! The bare program: axum, sqlx and the statements of the work itself, with nothing around them. No request ids, limits,
//! time-outs, log, idempotency, ledger, jobs or checks: the ceiling that the real server is held against.
//!
//! It keeps its own tables. Both drivers run the same handlers, written once as a macro ([`handlers`]).

mod grouped;
#[macro_use]
mod handlers;
mod tables;

use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    serve::ListenerExt as _,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::{net::Ipv4Addr, path::Path, time::Duration};
pub use tables::fill;
use tokio::net::TcpListener;
use weizhan::wechat::pay::sign::{ApiV3Key, PublicKey, reply_message};

/// What the bare program is told: a JSON file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// Where to listen.
    pub port: u16,
    /// `mysql://…` or `sqlite:…`.
    pub database_url: String,
    /// Where hot copies may lie.
    pub redis_url: Option<String>,
    /// The simulator.
    pub wechat_url: String,
    /// The mini-program.
    pub appid: String,
    /// Its secret.
    pub secret: String,
    /// Verifies notices.
    pub public_key: String,
    /// Opens them.
    pub api_v3_key: String,
    /// Signs tokens.
    pub token_key: String,
}

/// How old a hot copy may be: as old as the server's by default. A cache that never looks again would not do the same work.
const STALE: Duration = Duration::from_secs(3);

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
}

/// What both drivers' handlers share.
struct Tools {
    settings: Settings,
    http: reqwest::Client,
    notices: (PublicKey, ApiV3Key),
    verify: (DecodingKey, Validation),
    redis: Option<redis::aio::MultiplexedConnection>,
    products: moka::sync::Cache<i64, Bytes>,
    lists: moka::sync::Cache<i64, Bytes>,
}

/// A status and why.
struct No(StatusCode, String);

impl IntoResponse for No {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

impl<E: std::error::Error> From<E> for No {
    fn from(error: E) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

fn no(status: StatusCode) -> No {
    No(status, String::new())
}

fn json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A token for a buyer, good for a day.
pub fn token(key: &str, openid: &str, now_seconds: i64) -> anyhow::Result<String> {
    let claims = Claims { sub: openid.to_owned(), exp: u64::try_from(now_seconds)? + 86_400 };
    Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key.as_bytes()))?)
}

impl Tools {
    async fn new(settings: Settings) -> anyhow::Result<Self> {
        let redis = match &settings.redis_url {
            Some(url) => Some(redis::Client::open(url.as_str())?.get_multiplexed_async_connection().await?),
            None => None,
        };
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            notices: (PublicKey::from_pem(&settings.public_key)?, ApiV3Key::new(&settings.api_v3_key)?),
            verify: (DecodingKey::from_secret(settings.token_key.as_bytes()), Validation::new(Algorithm::HS256)),
            redis,
            products: moka::sync::Cache::builder().max_capacity(50_000).time_to_live(STALE).build(),
            lists: moka::sync::Cache::builder().max_capacity(5_000).time_to_live(STALE).build(),
            settings,
        })
    }

    /// Who holds the token.
    fn buyer(&self, headers: &HeaderMap) -> Result<String, No> {
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer ")).ok_or(no(StatusCode::UNAUTHORIZED))?;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verify.0, &self.verify.1)?;
        Ok(claims.claims.sub)
    }

    /// What a notice says, if WeChat signed it.
    fn notice(&self, headers: &HeaderMap, body: &[u8]) -> Result<Paid, No> {
        let text =
            |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(no(StatusCode::UNAUTHORIZED));
        let message = reply_message(text("wechatpay-timestamp")?, text("wechatpay-nonce")?, body);
        if !self.notices.0.verify(&message, text("wechatpay-signature")?) {
            return Err(no(StatusCode::UNAUTHORIZED));
        }
        let notice: Envelope = serde_json::from_slice(body)?;
        let Sealed { ciphertext, nonce, associated_data } = notice.resource;
        Ok(serde_json::from_slice(&self.notices.1.open(&nonce, &associated_data, &ciphertext)?)?)
    }

    /// The openid behind a code.
    async fn openid(&self, code: &str) -> Result<String, No> {
        let Settings { wechat_url, appid, secret, .. } = &self.settings;
        let url = format!(
            "{wechat_url}/sns/jscode2session?appid={appid}&secret={secret}&js_code={code}&grant_type=authorization_code"
        );
        let said = self.http.get(url).send().await?.bytes().await?;
        Ok(serde_json::from_slice::<Login>(&said)?.openid)
    }
}

#[derive(Deserialize)]
struct Login {
    openid: String,
}

#[derive(Deserialize)]
struct Envelope {
    resource: Sealed,
}

#[derive(Deserialize)]
struct Sealed {
    ciphertext: String,
    nonce: String,
    associated_data: String,
}

/// A payment that arrived.
#[derive(Deserialize)]
struct Paid {
    out_trade_no: String,
    transaction_id: String,
    amount: Amount,
}

#[derive(Deserialize)]
struct Amount {
    total: i64,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Shelf {
    category_id: i64,
}

/// What a buyer wants.
#[derive(Deserialize)]
struct Want {
    product_id: i64,
    qty: i64,
    address: String,
}

/// What somebody did.
#[derive(Deserialize)]
struct Told {
    source: String,
    sent_ms: i64,
    channel: String,
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    kind: String,
    occurred_ms: i64,
    page: String,
    name: String,
    detail: Box<serde_json::value::RawValue>,
}

#[derive(Serialize)]
struct Placed {
    id: i64,
    order_no: String,
    total_fen: i64,
}

#[derive(Serialize, sqlx::FromRow)]
struct Whole {
    id: i64,
    category_id: i64,
    title: String,
    subtitle: String,
    detail: String,
    pictures: String,
    price_fen: i64,
    sales: i64,
    left_qty: i64,
}

#[derive(Serialize, sqlx::FromRow)]
struct Brief {
    id: i64,
    category_id: i64,
    title: String,
    cover_url: String,
    price_fen: i64,
    sales: i64,
}

handlers!(
    mysql,
    sqlx::MySqlPool,
    "INSERT INTO people (openid, nickname, seen_ms) VALUES (?, '', ?) ON DUPLICATE KEY UPDATE seen_ms = VALUES(seen_ms)"
);
handlers!(
    sqlite,
    sqlx::SqlitePool,
    "INSERT INTO people (openid, nickname, seen_ms) VALUES (?, '', ?) ON CONFLICT (openid) DO UPDATE SET seen_ms = excluded.seen_ms"
);

/// Be the bare program, as the file says, until killed.
pub fn serve(file: &Path) -> anyhow::Result<()> {
    let settings: Settings = serde_json::from_slice(&std::fs::read(file)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let (url, tools) = (settings.database_url.clone(), Tools::new(settings).await?);
        let router = if url.starts_with("sqlite:") {
            let (readers, writer) = tables::sqlite(&url).await?;
            let grouped = grouped::start(tables::sqlite(&url).await?.1);
            sqlite::router(tools, readers, writer).merge(grouped)
        } else {
            let pool = tables::mysql(&url).await?;
            mysql::router(tools, pool.clone(), pool)
        };
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        Ok(axum::serve(listener, router).await?)
    })
}
