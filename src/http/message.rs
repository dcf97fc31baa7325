//! Subscribe messages: what a user agrees to.

use super::{
    extract::{Buyer, Valid},
    problem::Problem,
};
use crate::{app::App, model::message::Occasion, service};
use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A template for which the mini-program asks its user's leave.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TemplateView {
    /// What its messages tell of.
    occasion: Occasion,
    /// For `tmplIds` of `wx.requestSubscribeMessage`.
    template_id: String,
}

/// What `wx.requestSubscribeMessage` gave.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Consents {
    /// The result as it is: the answer by template. Other names, such as `errMsg`, are passed over.
    #[garde(length(min = 1, max = 20), custom(short))]
    answers: BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the validator hands out references")]
fn short(answers: &BTreeMap<String, String>, (): &()) -> garde::Result {
    let fits = answers.iter().all(|(name, answer)| name.len() <= 128 && answer.len() <= 128);
    if fits { Ok(()) } else { Err(garde::Error::new("names and answers of up to 128 bytes")) }
}

/// The templates of the mini-program that one is signed in to.
#[utoipa::path(get, path = "/v1/messages/templates", operation_id = "message.templates", tag = "message",
    security(("buyer" = [])), responses((status = 200, body = Vec<TemplateView>)))]
pub(super) async fn templates(State(app): State<App>, Buyer(buyer): Buyer) -> Json<Vec<TemplateView>> {
    let all = service::message::templates(&app, &buyer.appid);
    Json(all.into_iter().map(|(occasion, template_id)| TemplateView { occasion, template_id }).collect())
}

/// Tell what the user answered: each accepted template is leave for one message by it.
#[utoipa::path(post, path = "/v1/messages/consents", operation_id = "message.consent", tag = "message",
    security(("buyer" = [])), request_body = Consents, responses((status = 204)))]
pub(super) async fn consent(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Valid(body): Valid<Consents>,
) -> Result<StatusCode, Problem> {
    service::message::consent(&app, &buyer, &body.answers).await?;
    Ok(StatusCode::NO_CONTENT)
}
