//! What a scanned code leads to.

use super::problem::Problem;
use crate::{app::App, service};
use axum::{
    Json,
    extract::{Path, State},
};
use serde::Serialize;
use utoipa::ToSchema;

/// What a scene stands for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SceneView {
    /// The page that the code opens.
    page: String,
    /// What the page is given, such as `id=7&from=poster`.
    query: String,
}

/// What the scene of a code stands for: `options.scene` of the page that the code opened.
#[utoipa::path(get, path = "/v1/scenes/{scene}", operation_id = "scene.view", tag = "product",
    params(("scene" = String, Path, max_length = 32)), responses((status = 200, body = SceneView)))]
pub(super) async fn view(State(app): State<App>, Path(scene): Path<String>) -> Result<Json<SceneView>, Problem> {
    let code = service::code::resolve(&app, &scene).await?;
    Ok(Json(SceneView { page: code.page, query: code.query }))
}
