//! Figures for Prometheus, on a listener of their own: nothing of it is on the public one.

use crate::{app::App, service, telemetry::exposition::CONTENT_TYPE};
use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use std::io;
use tokio::net::TcpListener;

async fn scrape(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], service::metric::text(&app).await)
}

/// Answer `GET /metrics` until the application stops.
pub async fn serve(app: &App, listener: TcpListener) -> io::Result<()> {
    let router = Router::new().route("/metrics", get(scrape)).with_state(app.clone());
    axum::serve(listener, router).with_graceful_shutdown(app.stopping().cancelled_owned()).await
}
