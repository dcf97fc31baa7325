//! What users were told by subscribe messages, for staff.

use crate::{
    app::App,
    http::{
        extract::{OrderRead, Params, Staff, place, rows},
        problem::Problem,
    },
    model::{
        id::{MessageId, OrderId},
        message::{Message, MessageState, Occasion},
        page::Page,
        time::Timestamp,
    },
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// What a list of messages is asked for.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct MessageParams {
    /// In this state only.
    #[garde(skip)]
    #[param(inline)]
    state: Option<MessageState>,
    /// Where the page starts: `next` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Rows, 20 unless said otherwise.
    #[garde(skip)]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct MessageView {
    /// Which.
    id: MessageId,
    /// What it tells of.
    occasion: Occasion,
    /// About which order.
    order_id: OrderId,
    /// By which template; empty before it was sent.
    template_id: String,
    /// Where it stands.
    state: MessageState,
    /// The texts as they were sent, by place.
    texts: BTreeMap<String, String>,
    /// Why it did not arrive: WeChat's code, or the place of the text that does not fit.
    code: Option<String>,
    /// What WeChat said of it.
    cause: Option<String>,
    /// What to do about WeChat's code.
    remedy: Option<String>,
    /// When it came up.
    created_ms: Timestamp,
    /// When it ended.
    ended_ms: Option<Timestamp>,
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        let Message { id, occasion, order_id, template_id, state, content, code, cause, created_ms, ended_ms, .. } =
            message;
        let texts = serde_json::from_str(&content).unwrap_or_default();
        let remedy = code.as_deref().and_then(service::message::remedy);
        Self { id, occasion, order_id, template_id, state, texts, code, cause, remedy, created_ms, ended_ms }
    }
}

/// What users were told by subscribe messages, latest first.
#[utoipa::path(get, path = "/admin/v1/messages", operation_id = "staff.message.list", tag = "staff",
    security(("staff" = ["order.read"])), params(MessageParams),
    responses((status = 200, body = inline(Page<MessageView>))))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<OrderRead>,
    Params(params): Params<MessageParams>,
) -> Result<Json<Page<MessageView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let page = service::message::list(&app, params.state, before, rows(params.limit)?).await?;
    Ok(Json(page.map(Into::into)))
}
