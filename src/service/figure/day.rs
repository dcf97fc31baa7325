//! Once a day: who came back, how far visitors got, and whether the streamed figures are those of the events.

use super::{CONSUMER, in_shop};
use crate::{
    app::App,
    data::{self, Session},
    model::{
        event::{Logged, PARTITIONS},
        figure::{self, Deltas, FUNNEL, Grain, RETENTION, RolledDay, Sum, Sums},
        job::Claim,
        money::Fen,
        time::{Day, Timestamp, days},
    },
    service::{Error, Fault, Never, attempt, job},
};

/// Events that are read at once.
const PAGE: i64 = 2_000;
/// Days that the job looks at: telephones that were off send what they have when they are on again.
const DAYS_LATE: u64 = 3;

/// Whether something has come for this day since it was rolled up.
pub async fn is_due(app: &App, day: Day) -> Result<(bool, i64), Error<Never>> {
    let mut session = app.database.read().await?;
    let events = data::figure::count_raw(&mut session, (day.start(), day.end())).await?;
    let row = data::figure::find_day(&mut session, day).await?;
    Ok((row.is_none_or(|row| row.events != events), events))
}

/// The job: roll up the days before the one that its slot is in, and forget minutes that are past their time.
pub async fn roll_up_due(app: &App, claim: &Claim, slot: i64) -> Result<(), Error<Never>> {
    super::catch_up(app).await?;
    let today = Day(Timestamp(slot).day());
    for back in 1..=DAYS_LATE {
        roll_up(app, today.before(back), false, |_| {}).await?;
    }
    while forget_some(app).await? {}
    attempt(|| async {
        let mut session = app.database.write().await?;
        let before = today.start().minus(days(app.config.figures.minute_days));
        data::figure::purge(&mut session, Grain::Minute, before).await?;
        job::end(&mut session, claim, &job::Next::Done, app.now()).await?;
        session.commit().await?;
        Ok(())
    })
    .await
}

/// The first day of which it is still known who was seen: as long as its events are kept.
fn first_known(app: &App) -> Day {
    Day(app.now().day()).before(app.config.events.retain_days)
}

async fn forget_some(app: &App) -> Result<bool, Error<Never>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        let more = data::figure::forget_before(&mut session, first_known(app)).await?;
        session.commit().await?;
        Ok(more)
    })
    .await
}

/// Roll up a day. Doing so twice changes nothing; `read` is told how many events more were read.
///
/// The streamed figures are compared with those of the events that the stream has taken, and what differs is noted. It is
/// put right only when `repair` says so. A day of which the log has forgotten events is not compared.
pub async fn roll_up(app: &App, day: Day, repair: bool, read: impl Fn(u64)) -> Result<RolledDay, Error<Never>> {
    attempt(|| async {
        let mut session = app.database.read().await?;
        let mut positions = Vec::new();
        for partition in 0..PARTITIONS {
            positions.push(data::event::position(&mut session, CONSUMER, partition).await?);
        }
        drop(session);
        let (mut made, mut events) = fold(app, day, &positions, &read).await?;
        let mut session = app.database.write().await?;
        // Nobody counts from here on until the commit; what was counted meanwhile is little.
        for (partition, position) in (0..PARTITIONS).zip(&positions) {
            events += follow(app, &mut session, day, (partition, *position), &mut made).await?;
        }
        let is_whole = is_whole(&mut session, day).await?;
        let row = if is_whole {
            compare(app, &mut session, day, &made, events).await?
        } else {
            // The log has forgotten some of them: there is nothing to compare with.
            RolledDay { day, events, differences: 0, example: String::new(), rolled_ms: app.now() }
        };
        if repair && row.differences > 0 {
            mend(&mut session, day, &made).await?;
        }
        if day >= first_known(app) {
            derive(&mut session, day).await?;
        }
        let known = data::figure::find_day(&mut session, day).await?;
        let is_known = known.is_some_and(|known| !is_whole || RolledDay { rolled_ms: row.rolled_ms, ..known } == row);
        if !is_known {
            data::figure::put_day(&mut session, &row).await.map_err(super::race)?;
        }
        session.commit().await?;
        if row.differences > 0 {
            let RolledDay { differences, example, .. } = &row;
            tracing::error!(day = %day, differences, example, "streamed figures are not those of the events");
        }
        Ok(row)
    })
    .await
}

/// The figures of a day from its events up to these places.
async fn fold(app: &App, day: Day, positions: &[i64], read: impl Fn(u64)) -> Result<(Deltas, i64), Fault> {
    let (mut made, mut count, mut after) = (Deltas::default(), 0, None);
    loop {
        let mut session = app.database.read().await?;
        let page = data::figure::raw(&mut session, (day.start(), day.end()), after, PAGE).await?;
        drop(session);
        let Some(last) = page.last() else { return Ok((made, count)) };
        after = Some((last.event.occurred_ms, last.partition_no, last.position));
        for Logged { partition_no, position, event } in &page {
            let place = usize::try_from(*partition_no).ok().and_then(|partition| positions.get(partition));
            if place.is_some_and(|place| position <= place) {
                made.take(event);
                count += 1;
            }
        }
        read(u64::try_from(page.len()).unwrap_or(0));
    }
}

/// Hold a partition, and take what was counted of it since `from`; how many events of the day there were.
async fn follow(
    app: &App,
    session: &mut Session,
    day: Day,
    (partition, mut from): (i64, i64),
    made: &mut Deltas,
) -> Result<i64, Fault> {
    let (held, mut count) = (data::event::hold(session, CONSUMER, partition, app.now()).await?, 0);
    while from < held {
        let page = data::event::read(session, partition, from, PAGE.min(held - from)).await?;
        let Some(last) = page.last() else { break };
        from = last.position;
        for logged in page.iter().filter(|logged| logged.event.occurred_ms.day() == day.0) {
            made.take(&logged.event);
            count += 1;
        }
    }
    Ok(count)
}

/// All that the stream should have counted of the day.
async fn expected(session: &mut Session, day: Day, made: &Deltas) -> Result<Sums, Fault> {
    let mut sums = made.sums.clone();
    figure::tally(&mut sums, &made.seen);
    let total = data::figure::count_firsts(session, day).await?;
    if total > 0 {
        let window = figure::of_shop(figure::Metric::NewVisitors, day);
        figure::add(&mut sums, window, Sum { total, amount_fen: Fen(0) });
    }
    Ok(sums)
}

async fn compare(app: &App, session: &mut Session, day: Day, made: &Deltas, events: i64) -> Result<RolledDay, Fault> {
    let expected = expected(session, day, made).await?;
    let mut row = RolledDay { day, events, differences: 0, example: String::new(), rolled_ms: app.now() };
    for grain in [Grain::Hour, Grain::Day] {
        let mut stored = data::figure::list(session, grain, (day.start(), day.end())).await?;
        // A visitor whose first day turned out to be an earlier one leaves a zero.
        stored.retain(|window, sum| window.metric.is_streamed() && *sum != Sum::default());
        let right = expected.iter().filter(|(window, _)| window.grain == grain);
        for (window, sum) in right {
            let found = stored.remove(window).unwrap_or_default();
            if found != *sum {
                differ(&mut row, window, found, *sum);
            }
        }
        for (window, found) in &stored {
            differ(&mut row, window, *found, Sum::default());
        }
    }
    Ok(row)
}

fn differ(row: &mut RolledDay, window: &figure::Window, found: Sum, right: Sum) {
    row.differences += 1;
    if row.example.is_empty() {
        let figure::Window { grain, scope, scope_key, metric, start_ms } = window;
        let (start, amounts) = (start_ms.rfc3339(), (found.amount_fen.0, right.amount_fen.0));
        row.example = format!(
            "{metric} of {scope} {scope_key} in the {grain} of {start}: {} ({} fen) counted, {} ({} fen) in the events",
            found.total, amounts.0, right.total, amounts.1
        );
    }
}

/// Whether all events of a day are still there: of each partition from its first one on, or from before the day.
async fn is_whole(session: &mut Session, day: Day) -> Result<bool, Fault> {
    for partition in 0..PARTITIONS {
        let first = data::event::read(session, partition, 0, 1).await?;
        if first.iter().any(|first| first.position > 1 && first.event.received_ms > day.start()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Put the events' figures in the place of the streamed ones.
async fn mend(session: &mut Session, day: Day, made: &Deltas) -> Result<(), Fault> {
    let mut right = expected(session, day, made).await?;
    for grain in Grain::ALL {
        let stored = data::figure::list(session, *grain, (day.start(), day.end())).await?;
        for window in stored.into_keys().filter(|window| window.metric.is_streamed()) {
            right.entry(window).or_default();
        }
    }
    data::figure::put(session, &right).await?;
    data::figure::forget(session, day).await?;
    let seen = data::figure::see(session, &made.seen).await?;
    for (day, visitors) in in_shop(&seen) {
        data::figure::sketch(session, day, &visitors).await?;
    }
    Ok(())
}

/// Who came back on this day, and how far its visitors got. What is derived for earlier days from this one is theirs: the
/// second day of a cohort is written with the cohort.
async fn derive(session: &mut Session, day: Day) -> Result<(), Fault> {
    let mut sums = Sums::new();
    for (after, metric) in RETENTION {
        let cohort = day.before(after);
        let total = data::figure::count_retained(session, cohort, day).await?;
        sums.insert(figure::of_shop(metric, cohort), Sum { total, amount_fen: Fen(0) });
    }
    let funnel = data::figure::count_funnel(session, day).await?;
    for (metric, total) in FUNNEL.into_iter().skip(1).zip(funnel) {
        sums.insert(figure::of_shop(metric, day), Sum { total, amount_fen: Fen(0) });
    }
    data::figure::put(session, &sums).await?;
    Ok(())
}
