//! The heartbeat of this node.

use crate::{app::App, model::node::SKEW_TOLD};

/// Give signs of life until the application stops; from then on stopping itself gives them, to its end.
pub async fn keep(app: App) {
    let stopping = app.stopping();
    let mut told = false;
    while !stopping.is_cancelled() {
        if let Err(error) = app.beat().await {
            tracing::warn!(%error, "this node could not give a sign of life");
        }
        told = tell(&app, told);
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(app.beat_every()) => {}
        }
    }
}

/// Tell of a clock that is wrong, and when it is right again; whether it is wrong.
fn tell(app: &App, told: bool) -> bool {
    let skew_ms = app.nodes.skew_ms();
    let wrong = u128::from(skew_ms.unsigned_abs()) > SKEW_TOLD.as_millis();
    match (wrong, told) {
        (true, false) if app.nodes.is_clock_sure() => {
            tracing::warn!(skew_ms, "the clock of this machine differs from the database's: is NTP running?");
        }
        (true, false) => {
            tracing::error!(skew_ms, "the clock of this machine is wrong: this node leads nothing until it is right");
        }
        (false, true) => tracing::info!(skew_ms, "the clock of this machine is right again"),
        _ => {}
    }
    wrong
}
