//! The daily job: every day that is due and not compared, missed ones too.

use super::compare::run;
use crate::{
    app::App,
    data,
    model::{
        job::{Claim, Work},
        reconcile::{DUE_AFTER, DayState, HORIZON_DAYS, RETRY_AFTER, ReconcileRefusal, Reconciliation},
        time::{Day, Timestamp, days},
    },
    service::{
        Error, attempt,
        job::{self, Next},
    },
};

/// Compare the days that wait. Those that WeChat has no bill of yet, and those that failed, are tried again each half hour
/// until the job of the next day takes over.
pub async fn catch_up(app: &App, claim: &Claim, slot: i64) -> Result<(), Error<ReconcileRefusal>> {
    let mut left = 0;
    for day in attempt(|| waiting(app)).await? {
        // A node that stops leaves the rest to another.
        let outcome = if app.stopping().is_cancelled() { None } else { Some(run(app, day).await) };
        match outcome {
            Some(Ok(row)) if row.state == DayState::Done => {}
            // What went wrong stands in the row of the day and in the log.
            _ => left += 1,
        }
    }
    let over = Timestamp(slot).plus(days(1));
    let again = app.now().plus(RETRY_AFTER);
    let next = if left > 0 && again < over { Next::Again(Work::ReconcileBills { slot }, again) } else { Next::Done };
    job::end_alone(app, claim, &next).await
}

/// The days that wait, the oldest first: from the day on which somebody first tried to pay, as far as WeChat has bills.
async fn waiting(app: &App) -> Result<Vec<Day>, Error<ReconcileRefusal>> {
    let now = app.now();
    let mut session = app.database.read().await?;
    let Some(first) = data::reconcile::first_attempt(&mut session).await? else { return Ok(Vec::new()) };
    let earliest = Day(now.day()).before(HORIZON_DAYS);
    let last = Day(now.minus(DUE_AFTER).day());
    let known = data::reconcile::list_days_from(&mut session, earliest).await?;
    drop(session);
    for row in known.iter().filter(|row| row.is_alarming(now)) {
        tracing::error!(day = %row.day, error = row.error, "WeChat will soon delete a bill that was never compared: look at it");
    }
    let (mut waiting, mut missed) = (Vec::new(), Vec::new());
    let mut day = Day(first.day()).max(earliest);
    while day <= last {
        match known.iter().find(|row| row.day == day) {
            Some(row) if row.state == DayState::Done => {}
            Some(_) => waiting.push(day),
            None => {
                missed.push(day);
                waiting.push(day);
            }
        }
        day = day.next();
    }
    if !missed.is_empty() {
        let mut session = app.database.write().await?;
        for day in missed {
            data::reconcile::insert_day(&mut session, &Reconciliation::waiting(day, now)).await?;
        }
        session.commit().await?;
    }
    Ok(waiting)
}
