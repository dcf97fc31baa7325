//! Moves the server's own events to the log.

use crate::{
    app::App,
    service::{self, Error, Never},
};
use std::time::Duration;

/// How long a fact waits at most when nothing was heard of it, besides the pause.
const LOOK: Duration = Duration::from_millis(900);
/// Facts that come one after the other are moved together: a move for each would take the turns of those who buy.
const PAUSE: Duration = Duration::from_millis(100);

/// Look when a bell rings, and each second, until the application stops.
pub async fn keep(app: App) {
    let (stopping, mut failing) = (app.stopping(), false);
    while !stopping.is_cancelled() {
        let moved = service::event::move_facts(&app).await;
        if let (Err(Error::<Never>::Fault(fault)), false) = (&moved, failing) {
            tracing::warn!(error = fault.chain(), "facts could not be moved to the log; they wait");
        }
        failing = moved.is_err();
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
        tokio::select! {
            () = stopping.cancelled() => {}
            () = app.ingest.facts.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
