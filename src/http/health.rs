//! For machines that watch a node.

use super::problem::Problem;
use crate::{app::App, service};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

/// How a node is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthView {
    /// `ok`.
    status: &'static str,
    /// Version of the program.
    version: &'static str,
}

const FINE: HealthView = HealthView { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// The process runs.
#[utoipa::path(get, path = "/healthz", operation_id = "health.alive", tag = "system",
    responses((status = 200, body = HealthView)))]
pub(super) async fn alive() -> Json<HealthView> {
    Json(FINE)
}

/// The node can serve: it is not stopping, and its database answers.
#[utoipa::path(get, path = "/readyz", operation_id = "health.ready", tag = "system",
    responses((status = 200, body = HealthView)))]
pub(super) async fn ready(State(app): State<App>) -> Result<Json<HealthView>, Problem> {
    if app.is_stopping() {
        return Err(Problem::of("server.busy").retry_after(1));
    }
    service::health::ready(&app).await?;
    Ok(Json(FINE))
}
