//! What a handler is allowed to hold: a caller who has proved who it is, a body that was checked.

use super::{field, limit::limit, problem::Problem};
use crate::{
    app::{App, Caller, Limited},
    model::{self, page::ROWS_MAX, staff::Permission},
    service::{self, Error, staff::Clerk},
    telemetry::RequestId,
};
use axum::{
    RequestPartsExt,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request, rejection::BytesRejection},
    http::{HeaderMap, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use garde::Validate;
use serde::de::DeserializeOwned;
use std::{marker::PhantomData, net::IpAddr, str::FromStr, time::Duration};

/// Where a request came from, and its name in the log.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// The client's address; a listed proxy is believed about it.
    pub(super) ip: IpAddr,
    /// The request's name.
    pub(super) id: RequestId,
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::of("server.fault"))
    }
}

impl Origin {
    /// Count a call from this address against a limit.
    pub(super) async fn limit(&self, app: &App, limited: Limited) -> Result<(), Problem> {
        limit(app, limited, Caller::at(self.ip)).await
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn no_token() -> Problem {
    Error::Refused(model::token::TokenRefusal::Absent).into()
}

/// A signed-in buyer.
#[derive(Debug, Clone)]
pub(super) struct Buyer(
    /// Who.
    pub(super) service::token::Buyer,
);

impl FromRequestParts<App> for Buyer {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(no_token)?;
        let buyer = service::token::buyer(app, token).await?;
        limit(app, Limited::User, Caller::User(buyer.id.0)).await?;
        if app.limits.has(Limited::App) {
            limit(app, Limited::App, Caller::All(buyer.appid.as_str().into())).await?;
        }
        Ok(Self(buyer))
    }
}

/// A signed-in buyer, or nobody: for what is there for both. A token that is sent must be good.
#[derive(Debug, Clone)]
pub(super) struct Anybody(
    /// Who, if anybody.
    pub(super) Option<service::token::Buyer>,
);

impl FromRequestParts<App> for Anybody {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(None));
        }
        let Buyer(buyer) = Buyer::from_request_parts(parts, app).await?;
        Ok(Self(Some(buyer)))
    }
}

/// A right that a route asks for, as a type: a handler cannot forget to ask.
pub(super) trait Right: Send + Sync {
    /// Which; `None` for any member of staff.
    const PERMISSION: Option<Permission>;
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $permission:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(super) struct $name;
        impl Right for $name {
            const PERMISSION: Option<Permission> = $permission;
        }
    )+ };
}
rights! {
    /// Any member of staff.
    Anyone = None;
    /// `order.read`.
    OrderRead = Some(Permission::OrderRead);
    /// `order.ship`.
    OrderShip = Some(Permission::OrderShip);
    /// `refund.write`.
    RefundWrite = Some(Permission::RefundWrite);
    /// `payment.write`.
    PaymentWrite = Some(Permission::PaymentWrite);
    /// `job.write`.
    JobWrite = Some(Permission::JobWrite);
    /// `product.write`.
    ProductWrite = Some(Permission::ProductWrite);
    /// `stock.write`.
    StockWrite = Some(Permission::StockWrite);
    /// `order.price`.
    OrderPrice = Some(Permission::OrderPrice);
    /// `bill.reconcile`.
    BillReconcile = Some(Permission::BillReconcile);
    /// `node.read`.
    NodeRead = Some(Permission::NodeRead);
    /// `setting.read`.
    SettingRead = Some(Permission::SettingRead);
    /// `setting.write`.
    SettingWrite = Some(Permission::SettingWrite);
    /// `flag.write`.
    FlagWrite = Some(Permission::FlagWrite);
    /// `figure.read`.
    FigureRead = Some(Permission::FigureRead);
}

/// A member of staff who has the right `R`.
#[derive(Debug, Clone)]
pub(super) struct Staff<R>(
    /// Who.
    pub(super) Clerk,
    /// The right, which has no value.
    pub(super) PhantomData<R>,
);

impl<R: Right> FromRequestParts<App> for Staff<R> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let origin: Origin = parts.extract().await?;
        let token = bearer(&parts.headers).ok_or_else(no_token)?;
        let clerk = service::staff::clerk(app, token, origin.ip.to_string(), origin.id.as_str().to_owned()).await?;
        if let Some(permission) = R::PERMISSION {
            clerk.require(permission).map_err(Error::Refused)?;
        }
        Ok(Self(clerk, PhantomData))
    }
}

/// The client's name for one intention.
#[derive(Debug, Clone)]
pub(super) struct IdempotencyKey(
    /// The key.
    pub(super) model::idempotency::IdempotencyKey,
);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut sent = parts.headers.get_all("idempotency-key").iter();
        let key = sent.next().filter(|_| sent.next().is_none()).and_then(|value| value.to_str().ok());
        let key = key.and_then(model::idempotency::IdempotencyKey::parse);
        key.map(Self).ok_or_else(|| Problem::of("idempotency.key_missing"))
    }
}

/// The one id in the path. What is no id names nothing: 404.
#[derive(Debug, Clone, Copy)]
pub(super) struct Id<T>(
    /// The id.
    pub(super) T,
);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::of("http.not_found"))?;
        text.0.parse().map(Self).map_err(|_| Problem::of("http.not_found"))
    }
}

/// Query parameters, all known and well formed.
#[derive(Debug, Clone)]
pub(super) struct Params<T>(
    /// The parameters.
    pub(super) T,
);

impl<T: DeserializeOwned + Validate<Context = ()>> Params<T> {
    /// Those of an address.
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let input = serde_urlencoded::Deserializer::new(pairs);
        let params: T = serde_path_to_error::deserialize(input)
            .map_err(|error: serde_path_to_error::Error<_>| field::unread(error.path(), error.inner(), ""))?;
        params.validate().map_err(|report| field::wrong(&report, ""))?;
        Ok(Self(params))
    }
}

impl<T: DeserializeOwned + Validate<Context = ()>, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.uri)
    }
}

/// A JSON body that was read whole and checked: no unknown field, every value in its bounds.
#[derive(Debug, Clone)]
pub(super) struct Valid<T>(
    /// The body.
    pub(super) T,
);

impl<T: DeserializeOwned + Validate<Context = ()>> FromRequest<App> for Valid<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::of("http.not_json"));
        }
        let body = read_body(request, app).await?;
        let mut input = serde_json::Deserializer::from_slice(&body);
        let value: T = serde_path_to_error::deserialize(&mut input).map_err(|error| not_read(&error))?;
        input.end().map_err(|_| Problem::of("http.json_malformed"))?;
        value.validate().map_err(|report| field::wrong(&report, "/"))?;
        Ok(Self(value))
    }
}

/// The body as it came, within the limits of size and time.
pub(super) async fn read_body(request: Request, app: &App) -> Result<Bytes, Problem> {
    let patience = Duration::from_millis(app.config.server.body_timeout_ms);
    match tokio::time::timeout(patience, Bytes::from_request(request, app)).await {
        Err(_) => Err(Problem::of("http.body_timeout")),
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) => Err(unread(&rejection)),
    }
}

fn unread(rejection: &BytesRejection) -> Problem {
    let too_large = rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE;
    Problem::of(if too_large { "http.body_too_large" } else { "http.body_unreadable" })
}

fn not_read(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    match error.inner().classify() {
        serde_json::error::Category::Data => field::unread(error.path(), error.inner(), "/"),
        _ => Problem::of("http.json_malformed"),
    }
}

/// A page of a list.
#[derive(Debug, Clone, Default, serde::Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// Where the page starts: `next` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    pub(super) cursor: Option<String>,
    /// Rows, 20 unless said otherwise.
    #[garde(skip)]
    #[param(minimum = 1, maximum = 100)]
    pub(super) limit: Option<i64>,
}

/// Rows of a page, within bounds.
pub(super) fn rows(limit: Option<i64>) -> Result<i64, Problem> {
    let rows = limit.unwrap_or(20);
    let fits = (1..=ROWS_MAX).contains(&rows);
    if fits { Ok(rows) } else { Err(Problem::invalid_field("limit", format!("between 1 and {ROWS_MAX} rows"))) }
}

/// Where a page starts.
pub(super) fn place(cursor: Option<&str>) -> Result<Option<model::page::Place>, Problem> {
    let read = |text| {
        let place = model::page::Place::from_cursor(text);
        place.ok_or_else(|| Problem::invalid_field("cursor", "this cursor was not made by this list"))
    };
    cursor.map(read).transpose()
}

/// 201 with a body.
#[derive(Debug)]
pub(super) struct Created<T>(
    /// The body.
    pub(super) T,
);

impl<T: serde::Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (axum::http::StatusCode::CREATED, axum::Json(self.0)).into_response()
    }
}
