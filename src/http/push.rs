//! Messages of WeChat (消息推送). It is told `success` once a message is on the disk; what it asks for is done by a job.

use super::callback::{Fail, fail};
use crate::{
    app::App,
    service::push::{self, PushAnswer, PushQuery, PushRefusal},
};
use axum::{
    body::to_bytes,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use std::time::Duration;

/// Most bytes of a message; those with the longest text have about 20 KB.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// WeChat hangs up after five seconds and sends again.
const PATIENCE: Duration = Duration::from_secs(4);

/// The appid of the path; what is none names no mini-program.
type Appid = Result<Path<String>, PathRejection>;

/// WeChat verifies the address that was entered in the console (URL 校验).
#[utoipa::path(get, path = "/callback/wechat/push/{appid}", operation_id = "callback.verify_push", tag = "wechat",
    params(("appid" = String, Path)),
    responses((status = 200, body = String, content_type = "text/plain", description = "`echostr` as it came"),
        (status = "4XX", body = Fail)))]
pub(super) async fn verify(State(app): State<App>, appid: Appid, uri: Uri) -> Response {
    let (Ok(Path(appid)), Some(query)) = (appid, query(&uri)) else { return refused(PushRefusal::AppUnknown) };
    match push::verify(&app, &appid, &query) {
        Ok(()) => plain(query.echostr),
        Err(refusal) => refused(refusal),
    }
}

/// A message or an event (接收消息和事件推送), in plaintext, compatible or secure mode, as JSON or XML.
#[utoipa::path(post, path = "/callback/wechat/push/{appid}", operation_id = "callback.push", tag = "wechat",
    params(("appid" = String, Path)),
    responses((status = 200, body = String, content_type = "text/plain", description = "Stored: `success`"),
        (status = "4XX", body = Fail), (status = "5XX", body = Fail)))]
pub(super) async fn receive(State(app): State<App>, appid: Appid, request: Request) -> Response {
    let (Ok(Path(appid)), Some(query)) = (appid, query(request.uri())) else {
        return refused(PushRefusal::AppUnknown);
    };
    let work = {
        let app = app.clone();
        async move {
            let Ok(body) = to_bytes(request.into_body(), BODY_BYTES_MAX).await else { return fail(400, "body") };
            told(push::receive(&app, &appid, &query, &body).await)
        }
    };
    // When the time is over the work goes on; WeChat sends again and finds it done.
    match tokio::time::timeout(PATIENCE, app.spawn(work)).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => fail(500, "fault"),
        Err(_) => fail(503, "busy"),
    }
}

fn query(uri: &Uri) -> Option<PushQuery> {
    serde_urlencoded::from_str(uri.query().unwrap_or_default()).ok()
}

fn told(answer: PushAnswer) -> Response {
    match answer {
        PushAnswer::Stored => plain("success".to_owned()),
        PushAnswer::Refused(refusal) => refused(refusal),
        PushAnswer::Fault(error) => {
            // Logged where every fault is, by becoming a Problem; WeChat gets its own form.
            let problem = super::problem::Problem::from(error);
            fail(if problem.status() == StatusCode::INTERNAL_SERVER_ERROR { 500 } else { 503 }, "not_stored")
        }
    }
}

fn refused(refusal: PushRefusal) -> Response {
    tracing::warn!(reason = refusal.as_str(), "a message was refused");
    fail(refusal.status(), refusal.as_str())
}

/// Text that no browser takes for a page, whatever a stranger put into `echostr`.
fn plain(text: String) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, text).into_response()
}
