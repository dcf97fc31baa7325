//! Problems: RFC 9457 `application/problem+json`. The only place that turns a reason into a status.

use super::limit;
use crate::{
    app::{Standing, TooMany},
    model::{
        self,
        refusal::{Kind, Refusal},
    },
    service::{Error, FaultKind},
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body (`/lines/0/qty`), or the name of a query parameter or header.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// What went wrong. Boxed, since every handler's result carries the room for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(Box<ProblemView>);

/// What went wrong, as the client reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemView {
    /// Stable address of this sort of problem: `urn:weizhan:problem:{code}`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The status in words.
    pub(super) title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub(super) status: u16,
    /// What happened, for people.
    pub(super) detail: String,
    /// The path that was asked for.
    pub(super) instance: String,
    /// Stable word for programs.
    pub(super) code: &'static str,
    /// Names this request in the log.
    pub(super) request_id: String,
    /// The present state, when the problem is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<&'static str>,
    /// One entry for each wrong field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<FieldError>,
    #[serde(skip)]
    #[schema(ignore)]
    retry_after_seconds: Option<u64>,
    #[serde(skip)]
    #[schema(ignore)]
    standing: Option<Standing>,
}

/// Problems of the door itself: code, status, text. Those of nouns stand with the nouns.
pub const CODES: &[(&str, u16, &str)] = &[
    ("cloud.caller_missing", 401, "WeChat Cloud Run names no caller of this request"),
    ("http.not_found", 404, "there is nothing at this address"),
    ("http.method_not_allowed", 405, "this address does not take this method"),
    ("http.body_too_large", 413, "the body is too large"),
    ("http.range_not_satisfiable", 416, "the object has nothing of that part"),
    ("http.body_timeout", 408, "the body took too long to arrive"),
    ("http.body_unreadable", 400, "the body broke off"),
    ("http.not_json", 415, "the body must be application/json"),
    ("http.json_malformed", 400, "the body is not JSON"),
    ("http.invalid", 422, "the request is wrong in the fields named"),
    ("idempotency.key_missing", 400, "this route needs an Idempotency-Key of 16 to 255 visible characters"),
    ("limit.too_many", 429, "too many requests; come back later"),
    ("server.fault", 500, "something broke on our side"),
    ("server.busy", 503, "we are busy; come back in a moment"),
    ("server.timeout", 503, "this took too long; it may still be carried out"),
    ("wechat.busy", 503, "WeChat does not answer; come back in a moment"),
];

/// Codes of a noun with their kinds and texts.
type Codes = &'static [(&'static str, Kind, &'static str)];

/// The reasons of every noun.
const NOUNS: &[Codes] = &[
    model::address::AddressRefusal::CODES,
    model::binding::BindingRefusal::CODES,
    model::cart::CartRefusal::CODES,
    model::code::CodeRefusal::CODES,
    model::link::LinkRefusal::CODES,
    model::event::EventRefusal::CODES,
    model::figure::FigureRefusal::CODES,
    model::flag::FlagRefusal::CODES,
    model::job::JobRefusal::CODES,
    model::notice::NoticeRefusal::CODES,
    model::object::ObjectRefusal::CODES,
    model::order::OrderRefusal::CODES,
    model::payment::PaymentRefusal::CODES,
    model::product::ProductRefusal::CODES,
    model::reconcile::ReconcileRefusal::CODES,
    model::refund::RefundRefusal::CODES,
    model::setting::SettingRefusal::CODES,
    model::shipment::ShipmentRefusal::CODES,
    model::staff::StaffRefusal::CODES,
    model::stock::StockRefusal::CODES,
    model::suspense::SuspenseRefusal::CODES,
    model::throttle::ThrottleRefusal::CODES,
    model::token::TokenRefusal::CODES,
    model::upload::UploadRefusal::CODES,
    model::user::UserRefusal::CODES,
];

/// Every code that is answered, with its text; a few stand with two nouns.
pub fn texts() -> Vec<(&'static str, &'static str)> {
    let door = CODES.iter().map(|(code, _, text)| (*code, *text));
    door.chain(NOUNS.iter().flat_map(|codes| codes.iter()).map(|(code, _, text)| (*code, *text))).collect()
}

impl Problem {
    /// A problem of the door.
    pub fn of(code: &'static str) -> Self {
        let known = CODES.iter().find(|(known, ..)| *known == code);
        let (_, status, detail) = known.unwrap_or(&("server.fault", 500, "something broke on our side"));
        Self::new(StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), code, *detail)
    }
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemView {
            kind: format!("urn:weizhan:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            instance: String::new(),
            code,
            request_id: String::new(),
            state: None,
            errors: Vec::new(),
            retry_after_seconds: None,
            standing: None,
        }))
    }
    /// Fields that are wrong.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::of("http.invalid");
        problem.0.errors = errors;
        problem
    }
    /// One field that is wrong.
    pub fn invalid_field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { pointer: pointer.into(), detail: detail.into() }])
    }
    /// A call too many, with when to come back.
    pub(super) fn too_many(too_many: &TooMany) -> Self {
        let mut problem = Self::of("limit.too_many").retry_after(too_many.wait.as_secs() + 1);
        problem.0.standing = Some(too_many.standing);
        problem
    }
    /// Its stable word.
    pub(super) fn code(&self) -> &'static str {
        self.0.code
    }
    /// Its status.
    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
    /// The same problem, with the time after which to come back.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_seconds = Some(seconds.max(1));
        self
    }
}

/// What a reason means in HTTP.
const fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Unknown => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::Missing => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl<R: Refusal> From<Error<R>> for Problem {
    fn from(error: Error<R>) -> Self {
        match error {
            Error::Refused(reason) => {
                let detail = reason.to_string();
                let errors = reason.pointer().map(|pointer| FieldError { pointer, detail: detail.clone() });
                let later = matches!(reason.kind(), Kind::TooMany | Kind::Unavailable).then_some(5);
                let mut problem = Self::new(status(reason.kind()), reason.code(), detail);
                problem.0.state = reason.state();
                problem.0.errors = errors.into_iter().collect();
                problem.0.retry_after_seconds = later;
                problem
            }
            Error::Fault(fault) => match fault.kind {
                FaultKind::Broken => {
                    // The one place where a fault is logged.
                    tracing::error!(error = fault.chain(), "fault");
                    Self::of("server.fault")
                }
                FaultKind::Contended | FaultKind::Database => {
                    tracing::warn!(error = fault.chain(), "database busy");
                    Self::of("server.busy").retry_after(1)
                }
                FaultKind::Wechat => {
                    tracing::warn!(error = fault.chain(), "WeChat busy");
                    Self::of("wechat.busy").retry_after(2)
                }
            },
        }
    }
}

impl IntoResponse for Problem {
    /// An empty answer that carries the problem; `render` writes it once the request is known.
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Write the problem that an answer carries, with the path and id of its request.
pub(super) fn render(mut response: Response, instance: &str, request_id: &str) -> Response {
    let Some(Problem(mut problem)) = response.extensions_mut().remove::<Problem>() else { return response };
    instance.clone_into(&mut problem.instance);
    request_id.clone_into(&mut problem.request_id);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = problem.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(standing) = &problem.standing {
        limit::write(headers, standing);
    }
    if problem.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = serde_json::to_vec(&problem).unwrap_or_default().into();
    response
}
