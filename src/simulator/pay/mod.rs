//! The pay interface (`api.mch.weixin.qq.com`, API v3 of a direct merchant): prepay, query, close, refund,
//! certificates, bills.
//!
//! Each request passes [`check`], which verifies it as WeChat does and signs what is answered; a handler sees only
//! verified bytes and answers JSON or a [`Refusal`]. **How to add one:** its handler in the file of its noun, its route
//! below; read bodies with [`read`], which refuses unknown fields and nulls.

mod bill;
mod certificate;
mod check;
mod refund;
#[cfg(test)]
mod test;
mod transaction;

pub use bill::BillTrick;
pub(super) use check::{signature, signtest};
pub(super) use refund::settle;
pub(super) use transaction::{current, transaction_view};

use super::{Error, Simulator};
use axum::{
    Json, Router,
    body::Bytes,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// An error in WeChat Pay's form: a status and `{"code","message","detail"?}`.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: String,
    message: String,
    detail: Option<Value>,
}

type Answer = Result<Json<Value>, Refusal>;

impl Refusal {
    /// Of any status.
    pub(super) fn new(status: StatusCode, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), detail: None }
    }
    fn bad(code: &str, message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }
    fn forbidden(code: &str, message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }
    fn missing(code: &str, message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }
    /// A field that breaks its rule; `field` is a JSON pointer.
    fn field(field: &str, issue: &str) -> Self {
        let detail = json!({ "field": field, "issue": issue, "location": "body" });
        Self { detail: Some(detail), ..Self::bad("PARAM_ERROR", &format!("参数错误: {field} {issue}")) }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        tracing::error!(%error, "the simulator could not keep a record");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "SYSTEM_ERROR", "系统异常")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "code": self.code, "message": self.message });
        if let Some(detail) = self.detail {
            body["detail"] = detail;
        }
        (self.status, Json(body)).into_response()
    }
}

/// The routes, behind the check of their signatures.
pub(super) fn routes(simulator: &Simulator) -> Router<Simulator> {
    let number = "/v3/pay/transactions/out-trade-no/{out_trade_no}";
    Router::new()
        .route("/v3/pay/transactions/jsapi", post(transaction::prepay))
        .route(number, get(transaction::find))
        .route(&format!("{number}/close"), post(transaction::close))
        .route("/v3/pay/transactions/id/{transaction_id}", get(transaction::find_by_id))
        .route("/v3/refund/domestic/refunds", post(refund::refund))
        .route("/v3/refund/domestic/refunds/{out_refund_no}", get(refund::find))
        .route("/v3/certificates", get(certificate::list))
        .route("/v3/bill/tradebill", get(bill::trade))
        .route("/v3/bill/fundflowbill", get(bill::fund))
        .route("/v3/billdownload/file", get(bill::download))
        .layer(middleware::from_fn_with_state(simulator.clone(), check::check))
}

/// Reads a body as strictly as WeChat: unknown fields, nulls and wrong types are refused, the field named.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<(T, Value), Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|_| Refusal::bad("PARAM_ERROR", "请求体不是合法的JSON"))?;
    if let Some(field) = null(&value) {
        return Err(Refusal::field(&field, "must not be null"));
    }
    let typed = serde_path_to_error::deserialize(&value).map_err(|error| {
        let path = error.path().to_string().replace(['.', '['], "/").replace(']', "");
        let field = format!("/{}", path.trim_start_matches('/'));
        Refusal::field(&field, &error.inner().to_string())
    })?;
    Ok((typed, value))
}

/// The pointer of the first null within.
fn null(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Object(map) => map.iter().find_map(|(name, inner)| null(inner).map(|rest| format!("/{name}{rest}"))),
        Value::Array(list) => {
            list.iter().enumerate().find_map(|(place, inner)| null(inner).map(|rest| format!("/{place}{rest}")))
        }
        _ => None,
    }
}

/// A text of a bounded length in characters.
fn check_length(field: &str, text: &str, longest: usize) -> Result<(), Refusal> {
    let length = text.chars().count();
    if length == 0 || length > longest {
        return Err(Refusal::field(field, &format!("must have 1 to {longest} characters")));
    }
    Ok(())
}

/// A merchant's number: letters, digits and a few symbols.
fn check_number(field: &str, text: &str, shortest: usize, longest: usize, symbols: &str) -> Result<(), Refusal> {
    let fits = text.chars().all(|symbol| symbol.is_ascii_alphanumeric() || symbols.contains(symbol));
    if !fits || text.len() < shortest || text.len() > longest {
        return Err(Refusal::field(field, &format!("must be {shortest} to {longest} letters, digits or {symbols}")));
    }
    Ok(())
}

/// The rules of a callback address: absolute, short, no query string, and https, except for addresses that only the
/// developer's own machine or network can reach (loopback, private ranges, names without a dot as containers have).
fn check_notify_url(text: &str, longest: usize) -> Result<(), Refusal> {
    let refuse = |issue| Err(Refusal::field("/notify_url", issue));
    let Ok(url) = url::Url::parse(text) else { return refuse("is not a URL") };
    let inside = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback() || address.is_private(),
        Some(url::Host::Ipv6(address)) => address.is_loopback() || address.is_unique_local(),
        Some(url::Host::Domain(name)) => !name.contains('.') || name.ends_with(".localhost"),
        None => return refuse("has no host"),
    };
    match url.scheme() {
        _ if text.len() > longest => refuse("is too long"),
        _ if url.query().is_some() || url.fragment().is_some() => refuse("must not have a query string"),
        "https" => Ok(()),
        "http" if inside => Ok(()),
        _ => refuse("must be https"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callback_addresses_have_no_query_and_are_https_outside() {
        for good in ["https://shop.example/pay", "http://127.0.0.1:8080/pay", "http://localhost/p", "http://app:8080/p"]
        {
            assert!(check_notify_url(good, 255).is_ok(), "{good}");
        }
        for bad in ["http://shop.example/pay", "https://shop.example/pay?a=1", "pay", "ftp://app/x", "https://s.e/#a"] {
            assert!(check_notify_url(bad, 255).is_err(), "{bad}");
        }
        assert!(check_notify_url(&format!("https://shop.example/{}", "a".repeat(255)), 255).is_err());
    }

    #[test]
    fn a_null_is_named_by_its_pointer() {
        assert_eq!(null(&json!({"a": [1, {"b": null}]})).as_deref(), Some("/a/1/b"));
        assert_eq!(null(&json!({"a": [1, {"b": 2}]})), None);
    }

    #[test]
    fn an_error_says_which_field() {
        let error = read::<Vec<i64>>(&Bytes::from_static(b"[1,\"2\"]")).expect_err("a text is no number");
        assert_eq!(error.detail.expect("detail")["field"], "/1");
    }
}
