//! Figures: counted as the events come, rolled up by day, and shown.

mod day;
mod show;

use crate::{
    app::App,
    data,
    model::{
        event::{Event, PARTITIONS},
        figure::{self, Metric, Scope, Seen, Sum, Sums},
        money::Fen,
        time::Day,
    },
    service::{Error, Fault, Never, attempt},
};
pub use day::{is_due, roll_up, roll_up_due};
pub use show::{Point, Retention, Series, Top, Total, Totals, Wanted, funnel, retention, series, top, totals};
use std::collections::BTreeMap;

/// The consumer of the log that counts.
pub const CONSUMER: &str = "figures";
/// Events that are counted in one transaction: the more there are, the more of them add to the same windows.
const BATCH: i64 = 2_000;

/// Count the next events of a partition, if there are any; how many there were. What they change and how far the consumer is
/// are committed together, so whoever is stopped anywhere has either counted them or not.
pub async fn advance(app: &App, partition: i64) -> Result<usize, Error<Never>> {
    attempt(|| async {
        let mut session = app.database.read().await?;
        let from = data::event::position(&mut session, CONSUMER, partition).await?;
        let idle = data::event::read(&mut session, partition, from, 1).await?.is_empty();
        drop(session);
        if idle {
            return Ok(0);
        }
        let (mut session, now) = (app.database.write().await?, app.now());
        let from = data::event::hold(&mut session, CONSUMER, partition, now).await?;
        let events = data::event::read(&mut session, partition, from, BATCH).await?;
        let Some(last) = events.last() else { return Ok(0) };
        count(&mut session, events.iter().map(|logged| &logged.event)).await?;
        if !data::event::move_on(&mut session, CONSUMER, partition, (from, last.position), now).await? {
            return Err(Fault::contended("somebody else has counted these").into());
        }
        session.commit().await?;
        Ok(events.len())
    })
    .await
}

/// Count everything that is there now; how many events there were.
pub async fn catch_up(app: &App) -> Result<usize, Error<Never>> {
    let mut all = 0;
    loop {
        let mut more = 0;
        for partition in 0..PARTITIONS {
            more += advance(app, partition).await?;
        }
        all += more;
        if more == 0 {
            return Ok(all);
        }
    }
}

/// Two who see a visitor for the first time meet in a unique key: the second begins anew.
fn race(error: data::Error) -> Fault {
    match error {
        data::Error::Conflict { .. } => Fault::contended("another has counted the same visitor"),
        error => error.into(),
    }
}

/// Write what events change.
async fn count(session: &mut data::Session, events: impl Iterator<Item = &Event>) -> Result<(), Fault> {
    let figure::Deltas { mut sums, seen, firsts } = figure::deltas(events);
    let fresh = data::figure::see(session, &seen).await.map_err(race)?;
    figure::tally(&mut sums, fresh.iter().copied());
    let moved = data::figure::first(session, &firsts).await.map_err(race)?;
    let moved = moved.ok_or_else(|| Fault::contended("another has moved the first day of a visitor"))?;
    move_firsts(&mut sums, &moved);
    for (day, visitors) in in_shop(&fresh) {
        data::figure::sketch(session, day, &visitors).await.map_err(race)?;
    }
    data::figure::add(session, &sums).await.map_err(race)
}

/// A visitor is new on one day only: an earlier one takes it from a later one.
fn move_firsts(sums: &mut Sums, moved: &[(Option<Day>, Day)]) {
    for (old, new) in moved {
        let steps = old.map(|old| (old, -1)).into_iter().chain([(*new, 1)]);
        for (day, total) in steps {
            figure::add(sums, figure::of_shop(Metric::NewVisitors, day), Sum { total, amount_fen: Fen(0) });
        }
    }
}

/// The visitors of the shop among them, by day.
fn in_shop<'s>(seen: &[&'s Seen]) -> BTreeMap<Day, Vec<&'s str>> {
    let mut days: BTreeMap<Day, Vec<&str>> = BTreeMap::new();
    for seen in seen.iter().filter(|seen| seen.scope == Scope::Shop && seen.role == Metric::Visitors) {
        days.entry(seen.day).or_default().push(&seen.visitor);
    }
    days
}
