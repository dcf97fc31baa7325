//! Changed settings and flags reach this node.

use crate::app::{App, Settings};
use std::time::Duration;

/// How often is looked. A hint only makes it faster: when every hint is lost, a change is here within this time and the
/// time of two queries.
const LOOK: Duration = Duration::from_secs(1);

/// Look for changes until the application stops.
pub async fn keep(app: App) {
    let (stopping, changed) = (app.stopping(), app.cache.heard(Settings::CHANGED));
    while !stopping.is_cancelled() {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = changed.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
        if let Err(error) = app.refresh_settings().await {
            tracing::warn!(%error, "changed settings could not be looked for; the present ones stay");
        }
    }
}
