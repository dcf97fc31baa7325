//! Counts the events as they come. Any node may count any partition: who is first holds it until its commit.

use crate::{
    app::App,
    model::event::PARTITIONS,
    service::{Error, figure},
};
use std::time::Duration;

/// How long an event may wait until it is looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Count until the application stops; a node that runs no jobs does not count either.
pub async fn keep(app: App) {
    let stopping = app.stopping();
    while app.config.jobs.workers > 0 && !stopping.is_cancelled() {
        let mut counted = 0;
        for partition in 0..PARTITIONS {
            match figure::advance(&app, partition).await {
                Ok(events) => counted += events,
                Err(Error::Fault(fault)) => {
                    tracing::warn!(error = fault.chain(), partition, "events could not be counted");
                }
                Err(Error::Refused(never)) => match never {},
            }
        }
        if counted > 0 {
            continue;
        }
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
