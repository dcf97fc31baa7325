//! Refusals in COS's words (official page: 错误码).

use crate::storage::cos::xml::{Document, ErrorBody};
use axum::{
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use std::borrow::Cow;

/// Why COS does not do as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: Cow<'static, str>,
    pub(super) message: String,
    /// Of a signature that does not fit: `StringToSign` and `FormatString`, as COS made them.
    pub(super) texts: Option<(String, String)>,
}

/// What comes of a request.
pub(super) type Outcome = Result<Response, Refusal>;

impl Refusal {
    pub(super) fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), texts: None }
    }
    /// 400.
    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }
    /// 403.
    pub(super) fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDenied", message)
    }
    /// 404.
    pub(super) fn missing(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }
    /// The signature is not the one that the request has.
    pub(super) fn signature(texts: Option<(String, String)>) -> Self {
        let message = "The Signature you specified is invalid.";
        Self { texts, ..Self::new(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message) }
    }
    /// The disk failed. COS would say no more either; we tell the operator.
    pub(super) fn internal(error: &std::io::Error) -> Self {
        tracing::error!(%error, "the simulated COS cannot use its folder");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "We encountered an internal error.")
    }

    /// The body that tells of it.
    pub(super) fn document(&self, resource: &str, request_id: &str) -> Document {
        let (string_to_sign, format_string) = self.texts.clone().unzip();
        Document::Error(ErrorBody {
            code: self.code.clone().into_owned(),
            string_to_sign,
            format_string,
            message: self.message.clone(),
            resource: resource.to_owned(),
            request_id: request_id.to_owned(),
            trace_id: request_id.to_owned(),
        })
    }
}

/// An answer with a body of XML.
pub(super) fn xml(status: StatusCode, document: &Document) -> Response {
    let mut response = Response::new(Body::from(document.write()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("application/xml"));
    response
}
