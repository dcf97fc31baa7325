//! Callbacks that were acknowledged and whose process is gone: they are found in their rows and settled.

use crate::{app::App, service};
use std::time::Duration;

/// How often a node looks.
const LOOK: Duration = Duration::from_secs(2);

/// Settle what nobody settled in its time, until the application stops.
pub async fn keep(app: App) {
    let stopping = app.stopping();
    while !stopping.is_cancelled() {
        if let Err(error) = service::payment::sweep(&app).await {
            tracing::warn!(%error, "callbacks that wait could not be settled");
        }
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
