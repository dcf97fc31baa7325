//! What recurs: one job a period over all nodes.
//!
//! The leader enqueues, guarded by its lease, and by the database's time, so that a wrong clock begins no period early. A
//! unique key a period is the second guard.

use super::lease::{Lease, Term};
use crate::{
    app::App,
    model::{
        job::Work,
        time::{Timestamp, days, minutes},
    },
    service::{self, Fault},
};
use std::time::Duration;

/// How often a node looks at most whether it leads and whether a period has begun.
const LOOK: Duration = Duration::from_secs(5);
/// The lease that the schedule is kept under.
pub const LEASE: &str = service::node::LEADERSHIP;

/// Something that recurs.
struct Recurring {
    period: Duration,
    /// How long after a whole period in UTC it begins.
    offset: Duration,
    work: fn(slot: i64) -> Work,
}

/// **Add a line here** for what recurs; the slot is the beginning of the period in milliseconds since 1970.
const TABLE: &[Recurring] = &[
    Recurring { period: minutes(60), offset: Duration::ZERO, work: |slot| Work::CleanUp { slot } },
    // 10:30 in Shanghai: WeChat has made the bills of the day before by ten.
    Recurring { period: days(1), offset: minutes(150), work: |slot| Work::ReconcileBills { slot } },
    Recurring { period: minutes(60), offset: minutes(20), work: |slot| Work::TrimEvents { slot } },
    Recurring { period: minutes(60), offset: minutes(40), work: |slot| Work::SweepUploads { slot } },
    // 00:20 in Shanghai.
    Recurring { period: days(1), offset: minutes(980), work: |slot| Work::RollUpDay { slot } },
    // 09:00 in Shanghai.
    Recurring { period: days(1), offset: minutes(60), work: |slot| Work::ImportVisits { slot } },
];

/// Enqueue what recurs, while this node leads, until the application stops.
pub async fn keep(app: App) {
    let (stopping, mut lease) = (app.stopping(), Lease::new(&app, LEASE));
    let look = LOOK.min(app.lease() / 3);
    while !stopping.is_cancelled() {
        if let Err(fault) = turn(&app, &mut lease).await {
            tracing::warn!(error = fault.chain(), "the schedule could not be kept");
        }
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(look) => {}
        }
    }
    if let Err(fault) = lease.resign(&app).await {
        tracing::warn!(error = fault.chain(), "leadership could not be given up; it ends by itself");
    }
}

/// One look: lead if nobody does, and enqueue what has begun.
pub async fn turn(app: &App, lease: &mut Lease) -> Result<(), Fault> {
    let held = lease.hold(app).await?;
    app.meters.lead(held.is_some());
    let Some(Term { now, .. }) = held else { return Ok(()) };
    for recurring in TABLE {
        let work = (recurring.work)(slot(now, recurring.period, recurring.offset));
        let mut session = app.database.write().await?;
        lease.guard(app, &mut session).await?;
        if service::job::enqueue(app, &mut session, &work, now).await? {
            session.commit().await?;
        }
    }
    Ok(())
}

fn slot(now: Timestamp, period: Duration, offset: Duration) -> i64 {
    let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
    Timestamp(now.minus(offset).0.div_euclid(period) * period).plus(offset).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_one_slot() {
        let (hour, none) = (minutes(60), Duration::ZERO);
        assert_eq!(slot(Timestamp(3_599_999), hour, none), 0);
        assert_eq!(slot(Timestamp(3_600_000), hour, none), 3_600_000);
        assert_eq!(slot(Timestamp(7_199_999), hour, none), 3_600_000);
        let begins = Timestamp::parse_rfc3339("2026-11-23T10:30:00+08:00").expect("time");
        let of_day = |now: Timestamp| Timestamp(slot(now, days(1), minutes(150)));
        assert_eq!((of_day(begins), of_day(begins.plus(minutes(1439)))), (begins, begins));
        assert_eq!(of_day(Timestamp(begins.0 - 1)), begins.minus(days(1)));
    }
}
