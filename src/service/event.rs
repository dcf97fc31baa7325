//! Events: taken in from mini-programs, facts moved to the log, consumers looked at and sent back, the oldest deleted.

use crate::{
    app::{App, NotTaken},
    data,
    model::{
        event::{EventRefusal, Lag, PARTITIONS, Report},
        id::UserId,
        job::Claim,
        time::days,
    },
    service::{
        Error, Fault, Never, attempt,
        job::{self, Next},
    },
};

/// Facts that are moved in one transaction.
const FACTS_MAX: i64 = 256;
/// Events that are deleted in one transaction.
const TRIM_MAX: i64 = 500;

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Events that were new.
    pub accepted: usize,
    /// Events that the log has from before, or that were told twice.
    pub known: usize,
}

/// Take in what a mini-program tells. The answer comes when all of it is on the disk; refused, none of it was taken.
pub async fn take(app: &App, user: Option<UserId>, report: Report) -> Result<Taken, Error<EventRefusal>> {
    let events = report.events(user, app.now());
    let count = events.len();
    match app.log_events(events).await {
        Ok(accepted) => Ok(Taken { accepted, known: count - accepted }),
        Err(NotTaken::Full) => Err(EventRefusal::TooMany.into()),
        Err(NotTaken::Failed(error)) => Err(Fault::from(error).into()),
        Err(NotTaken::Silent) => Err(Fault::silent("the writer of events said nothing").into()),
    }
}

/// Move all facts that wait to the log; how many there were. Any number of nodes may do so at the same time.
pub async fn move_facts(app: &App) -> Result<usize, Error<Never>> {
    let mut moved = 0;
    // A look first: nobody takes the turn to write for nothing.
    while data::event::is_any_waiting(&mut app.database.read().await?).await? {
        let count = attempt(|| async {
            let mut session = app.database.write().await?;
            let count = data::event::move_facts(&mut session, FACTS_MAX).await?;
            session.commit().await?;
            Ok::<_, Error<Never>>(count)
        })
        .await?;
        if count == 0 {
            // Others have them in hand.
            break;
        }
        moved += count;
    }
    Ok(moved)
}

/// How far every consumer is.
pub async fn lags(app: &App) -> Result<Vec<Lag>, Error<Never>> {
    Ok(data::event::lags(&mut app.database.read().await?).await?)
}

/// Let a consumer go on behind another place of a partition: 0, or the one before the first that is still there, is the
/// beginning. What it made of the events before is its own affair.
pub async fn rewind(app: &App, consumer: &str, partition: i64, position: i64) -> Result<(), Error<EventRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        // Whoever deletes holds the consumers, too.
        if !data::event::rewind(&mut session, consumer, partition, position, app.now()).await? {
            return Err(EventRefusal::ConsumerMissing.into());
        }
        let (first, last) = data::event::ends(&mut session, partition).await?;
        if position + 1 < first || position > last {
            return Err(EventRefusal::PlaceMissing { first, last }.into());
        }
        session.commit().await?;
        Ok(())
    })
    .await
}

/// Delete events that are past their time and that every consumer is done with, a little at a time.
pub async fn trim(app: &App, claim: &Claim) -> Result<(), Error<Never>> {
    let before = app.now().minus(days(app.config.events.retain_days));
    for partition in 0..PARTITIONS {
        loop {
            let count = attempt(|| async {
                let mut session = app.database.write().await?;
                let count = data::event::trim(&mut session, partition, before, TRIM_MAX).await?;
                session.commit().await?;
                Ok::<_, Error<Never>>(count)
            })
            .await?;
            if count == 0 || app.is_stopping() {
                break;
            }
        }
    }
    job::end_alone(app, claim, &Next::Done).await
}
