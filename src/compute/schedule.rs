//! What recurs: one job a period over all nodes.
//!
//! The leader enqueues, and a unique key a period sees to it that two leaders enqueue no more than one.

use super::lease::Lease;
use crate::{
    app::App,
    data,
    model::{
        id::JobId,
        job::Work,
        time::{Timestamp, minutes},
    },
    service::{Fault, job::subject},
};
use std::time::Duration;

/// How often a node looks whether it leads and whether a period has begun.
const LOOK: Duration = Duration::from_secs(5);

/// Something that recurs.
struct Recurring {
    period: Duration,
    work: fn(slot: i64) -> Work,
}

/// **Add a line here** for what recurs; the slot is the beginning of the period in milliseconds since 1970.
const TABLE: &[Recurring] = &[Recurring { period: minutes(60), work: |slot| Work::CleanUp { slot } }];

/// Enqueue what recurs, while this node leads, until the application stops.
pub async fn keep(app: App) {
    let (stopping, mut lease) = (app.stopping(), Lease::new(&app, "schedule"));
    while !stopping.is_cancelled() {
        if let Err(fault) = turn(&app, &mut lease).await {
            tracing::warn!(error = fault.chain(), "the schedule could not be kept");
        }
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// One look: lead if nobody does, and enqueue what has begun.
pub async fn turn(app: &App, lease: &mut Lease) -> Result<(), Fault> {
    if !lease.hold(app).await? {
        return Ok(());
    }
    let now = app.now();
    for recurring in TABLE {
        let work = (recurring.work)(slot(now, recurring.period));
        let mut session = app.database.write().await?;
        let key = subject(&work);
        if data::job::enqueue(&mut session, app.ids.next(JobId), &work, now, Some(&key), now).await? {
            session.commit().await?;
        }
    }
    Ok(())
}

fn slot(now: Timestamp, period: Duration) -> i64 {
    let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
    now.0.div_euclid(period) * period
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_one_slot() {
        let hour = minutes(60);
        assert_eq!(slot(Timestamp(3_599_999), hour), 0);
        assert_eq!(slot(Timestamp(3_600_000), hour), 3_600_000);
        assert_eq!(slot(Timestamp(7_199_999), hour), 3_600_000);
    }
}
