//! The time line of an order, and callbacks carried out once more, for staff.

use crate::{
    app::App,
    http::{
        extract::{Id, OrderRead, PaymentWrite, Staff},
        problem::Problem,
    },
    model::{id::OrderId, notice::Notice, time::Timestamp, timeline::Event},
    service,
};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

/// What happened to an order.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TimelineView {
    /// The oldest first.
    items: Vec<Event>,
}

/// A callback that was stored.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct NoticeView {
    /// WeChat's id of it.
    notify_id: String,
    /// `TRANSACTION.SUCCESS` and the like.
    event_type: String,
    /// Our number that it is about.
    subject: String,
    /// What it came to: `accepted`, `returned`, `suspended`, `known`, a refund's state, or `waiting`.
    outcome: String,
    /// How often it came.
    received: i64,
    /// When it came first, in milliseconds since 1970.
    #[schema(value_type = i64)]
    received_ms: Timestamp,
    /// When it was settled.
    #[schema(value_type = Option<i64>)]
    settled_ms: Option<Timestamp>,
}

impl From<Notice> for NoticeView {
    fn from(notice: Notice) -> Self {
        let Notice { notify_id, event_type, subject, outcome, received, received_ms, settled_ms, .. } = notice;
        Self { notify_id, event_type, subject, outcome, received, received_ms, settled_ms }
    }
}

/// Everything that happened to an order and its money: moves, calls to WeChat, callbacks as they came, jobs.
#[utoipa::path(get, path = "/admin/v1/orders/{id}/timeline", operation_id = "staff.order.timeline", tag = "staff",
    security(("staff" = ["order.read"])), params(("id" = OrderId, Path)), responses((status = 200, body = TimelineView)))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<OrderRead>,
    Id(id): Id<OrderId>,
) -> Result<Json<TimelineView>, Problem> {
    Ok(Json(TimelineView { items: service::timeline::list(&app, id).await? }))
}

/// Carry out a stored callback once more. What it did before it does not do again.
#[utoipa::path(post, path = "/admin/v1/notices/{notify_id}/replay", operation_id = "staff.notice.replay", tag = "staff",
    security(("staff" = ["payment.write"])),
    params(("notify_id" = String, Path)),
    responses((status = 200, body = NoticeView)))]
pub(in crate::http) async fn replay(
    State(app): State<App>,
    Staff(clerk, _): Staff<PaymentWrite>,
    Id(id): Id<String>,
) -> Result<Json<NoticeView>, Problem> {
    Ok(Json(service::payment::replay(&app, &clerk, &id).await?.into()))
}
