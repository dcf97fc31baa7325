//! Called by WeChat. It is answered in WeChat's own form and never with a Problem: a wrong answer here means that WeChat
//! calls for a day, or never again.

use crate::{
    app::App,
    planted::{Bug, planted},
    service::payment::{NoticeAnswer, NoticeKind, notice},
};
use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Most bytes of a notice; WeChat's have about one thousand.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// WeChat hangs up after five seconds, and by one page after three.
const PATIENCE: Duration = Duration::from_millis(2500);

/// What WeChat is told when it is to call again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Fail {
    /// `FAIL`.
    code: &'static str,
    /// Why, for WeChat's log.
    message: &'static str,
}

pub(super) fn fail(status: u16, message: &'static str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(Fail { code: "FAIL", message })).into_response()
}

/// A payment succeeded (支付成功通知).
#[utoipa::path(post, path = "/callback/wechat/pay", operation_id = "callback.pay", tag = "wechat",
    responses((status = 204, description = "Stored"), (status = "4XX", body = Fail), (status = "5XX", body = Fail)))]
pub(super) async fn pay(State(app): State<App>, request: Request) -> Response {
    answer(app, NoticeKind::Payment, request).await
}

/// A refund ended (退款结果通知).
#[utoipa::path(post, path = "/callback/wechat/refund", operation_id = "callback.refund", tag = "wechat",
    responses((status = 204, description = "Stored"), (status = "4XX", body = Fail), (status = "5XX", body = Fail)))]
pub(super) async fn refund(State(app): State<App>, request: Request) -> Response {
    answer(app, NoticeKind::Refund, request).await
}

/// Not by POST.
pub(super) async fn other_method() -> Response {
    fail(405, "method")
}

async fn answer(app: App, called: NoticeKind, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let work = {
        let app = app.clone();
        async move {
            let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else { return fail(400, "body") };
            told(notice(&app, called, &parts.headers, &body).await)
        }
    };
    // When the time is over the work goes on; WeChat calls again and finds it done.
    let response = match tokio::time::timeout(PATIENCE, app.spawn(work)).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => fail(500, "fault"),
        Err(_) => fail(503, "busy"),
    };
    if planted(Bug::OkOnFailure) && response.status().is_server_error() {
        return StatusCode::OK.into_response();
    }
    response
}

fn told(answer: NoticeAnswer) -> Response {
    match answer {
        NoticeAnswer::Stored => StatusCode::NO_CONTENT.into_response(),
        NoticeAnswer::Refused(refusal) => {
            tracing::warn!(reason = refusal.reason.as_str(), "a notice was refused");
            fail(refusal.status, refusal.reason.as_str())
        }
        NoticeAnswer::Misplaced => {
            tracing::warn!("a notice came to the wrong address");
            fail(400, "event_type")
        }
        NoticeAnswer::Fault(error) => {
            // Logged where every fault is, by becoming a Problem; WeChat gets its own form.
            let problem = super::problem::Problem::from(error);
            fail(if problem.status() == StatusCode::INTERNAL_SERVER_ERROR { 500 } else { 503 }, "not_stored")
        }
    }
}
