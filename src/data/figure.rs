//! Rows of `figure_counts`, of who was seen in `figure_visitors` and for the first time in `figure_firsts`, of
//! `figure_sketches` and `figure_days`; and the events of a day, from which all of them can be made anew.
//!
//! Two that count the same at once meet in a unique key or a held row: one of them is told that it lost a race, and begins
//! its transaction anew.

use super::{Each, Error, Session, Then};
use crate::model::{
    event::Logged,
    figure::{Grain, Metric, RolledDay, Scope, Seen, Sketch, Sum, Sums, Window},
    money::Fen,
    time::{Day, Timestamp},
};
use std::collections::{BTreeMap, BTreeSet};

statements! {
    ADD = {
        mysql: "INSERT INTO figure_counts (grain, scope, scope_key, metric, start_ms, total, amount_fen)
                VALUES {(?, ?, ?, ?, ?, ?, ?)}
                ON DUPLICATE KEY UPDATE total = total + VALUES(total), amount_fen = amount_fen + VALUES(amount_fen)",
        sqlite: "INSERT INTO figure_counts (grain, scope, scope_key, metric, start_ms, total, amount_fen)
                 VALUES {(?, ?, ?, ?, ?, ?, ?)} ON CONFLICT (grain, scope, scope_key, metric, start_ms)
                 DO UPDATE SET total = total + excluded.total, amount_fen = amount_fen + excluded.amount_fen",
    };
    PUT = {
        mysql: "INSERT INTO figure_counts (grain, scope, scope_key, metric, start_ms, total, amount_fen)
                VALUES {(?, ?, ?, ?, ?, ?, ?)}
                ON DUPLICATE KEY UPDATE total = VALUES(total), amount_fen = VALUES(amount_fen)",
        sqlite: "INSERT INTO figure_counts (grain, scope, scope_key, metric, start_ms, total, amount_fen)
                 VALUES {(?, ?, ?, ?, ?, ?, ?)} ON CONFLICT (grain, scope, scope_key, metric, start_ms)
                 DO UPDATE SET total = excluded.total, amount_fen = excluded.amount_fen",
    };
    LIST_DAY = "SELECT grain, scope, scope_key, metric, start_ms, total, amount_fen FROM figure_counts
                WHERE grain = ? AND start_ms >= ? AND start_ms < ?";
    PURGE = "DELETE FROM figure_counts WHERE grain = ? AND start_ms < ?";
    SERIES = "SELECT start_ms, total, amount_fen FROM figure_counts WHERE grain = ? AND scope = ? AND scope_key = ?
              AND metric = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms";
    BY_DAY = "SELECT grain, scope, scope_key, metric, start_ms, total, amount_fen FROM figure_counts
              WHERE grain = 'day' AND scope = ? AND scope_key = ? AND start_ms >= ? AND start_ms < ?";
    TOP = "SELECT scope_key, CAST(SUM(total) AS SIGNED) AS total, CAST(SUM(amount_fen) AS SIGNED) AS amount_fen
           FROM figure_counts WHERE grain = 'day' AND start_ms >= ? AND start_ms < ? AND scope = ? AND metric = ?
           GROUP BY scope_key ORDER BY total DESC, scope_key LIMIT ?";
    KNOWN = "SELECT day, scope, visitor, role, scope_key FROM figure_visitors
             WHERE day = ? AND scope = ? AND visitor IN ({?})";
    SEE = "INSERT INTO figure_visitors (day, scope, visitor, role, scope_key) VALUES {(?, ?, ?, ?, ?)}";
    FORGET = "DELETE FROM figure_visitors WHERE day = ?";
    FIRST_DAY = "SELECT MIN(day) FROM figure_visitors";
    CHUNK_END = "SELECT scope, visitor FROM figure_visitors WHERE day = ? ORDER BY scope, visitor LIMIT 1 OFFSET ?";
    FORGET_CHUNK = "DELETE FROM figure_visitors WHERE day = ? AND (scope < ? OR (scope = ? AND visitor <= ?))";
    FUNNEL_CART = "SELECT COUNT(*) FROM figure_visitors v
                   JOIN figure_visitors c ON c.day = v.day AND c.scope = 'shop' AND c.visitor = v.visitor AND c.role = 'carters'
                   WHERE v.day = ? AND v.scope = 'shop' AND v.role = 'viewers'";
    FUNNEL_ORDER = "SELECT COUNT(*) FROM figure_visitors v
                    JOIN figure_visitors c ON c.day = v.day AND c.scope = 'shop' AND c.visitor = v.visitor AND c.role = 'carters'
                    JOIN figure_visitors b ON b.day = v.day AND b.scope = 'shop' AND b.visitor = v.visitor AND b.role = 'buyers'
                    WHERE v.day = ? AND v.scope = 'shop' AND v.role = 'viewers'";
    FUNNEL_PAID = "SELECT COUNT(*) FROM figure_visitors v
                   JOIN figure_visitors c ON c.day = v.day AND c.scope = 'shop' AND c.visitor = v.visitor AND c.role = 'carters'
                   JOIN figure_visitors b ON b.day = v.day AND b.scope = 'shop' AND b.visitor = v.visitor AND b.role = 'buyers'
                   JOIN figure_visitors p ON p.day = v.day AND p.scope = 'shop' AND p.visitor = v.visitor AND p.role = 'payers'
                   WHERE v.day = ? AND v.scope = 'shop' AND v.role = 'viewers'";
    FIRSTS = "SELECT visitor, day FROM figure_firsts WHERE visitor IN ({?})";
    FIRST = "INSERT INTO figure_firsts (visitor, day) VALUES {(?, ?)}";
    FIRST_EARLIER = "UPDATE figure_firsts SET day = ? WHERE visitor = ? AND day = ?";
    COUNT_FIRSTS = "SELECT COUNT(*) FROM figure_firsts WHERE day = ?";
    RETAINED = "SELECT COUNT(*) FROM figure_firsts f
                JOIN figure_visitors v ON v.day = ? AND v.scope = 'shop' AND v.visitor = f.visitor AND v.role = 'visitors'
                WHERE f.day = ?";
    SKETCH_HELD = {
        mysql: "SELECT registers FROM figure_sketches WHERE day = ? FOR UPDATE",
        sqlite: "SELECT registers FROM figure_sketches WHERE day = ?",
    };
    SKETCHES = "SELECT registers FROM figure_sketches WHERE day >= ? AND day <= ?";
    SKETCH_INSERT = "INSERT INTO figure_sketches (day, registers) VALUES (?, ?)";
    SKETCH_UPDATE = "UPDATE figure_sketches SET registers = ? WHERE day = ?";
    DAY_FIND = "SELECT day, events, differences, example, rolled_ms FROM figure_days WHERE day = ?";
    DAY_INSERT = "INSERT INTO figure_days (day, events, differences, example, rolled_ms) VALUES (?, ?, ?, ?, ?)";
    DAY_UPDATE = "UPDATE figure_days SET events = ?, differences = ?, example = ?, rolled_ms = ? WHERE day = ?";
    RAW = "SELECT partition_no, position, event_id, source, visitor, kind, occurred_ms, received_ms, page, channel, product_id,
           amount_fen, name, detail FROM event_log WHERE occurred_ms >= ? AND occurred_ms < ?
           AND (occurred_ms > ? OR partition_no > ? OR (partition_no = ? AND position > ?))
           ORDER BY occurred_ms, partition_no, position LIMIT ?";
    RAW_COUNT = "SELECT COUNT(*) FROM event_log WHERE occurred_ms >= ? AND occurred_ms < ?";
}

/// About how many who were seen are forgotten in one transaction.
const FORGOTTEN_MAX: i64 = 2_000;
/// Rows that one statement writes at most.
const ROWS_MAX: usize = 1_000;

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    window: Window,
    #[sqlx(flatten)]
    sum: Sum,
}

async fn write(session: &mut Session, statement: super::Sql, sums: &Sums) -> Result<(), Error> {
    let rows: Vec<_> = sums.iter().collect();
    for rows in rows.chunks(ROWS_MAX) {
        let values = rows.iter().map(|(window, sum)| {
            let Window { grain, scope, scope_key, metric, start_ms } = window;
            (*grain, *scope, scope_key.as_str(), *metric, *start_ms, sum.total, sum.amount_fen)
        });
        session.execute(statement, Each(values.collect())).await?;
    }
    Ok(())
}

/// Add to each window.
pub async fn add(session: &mut Session, sums: &Sums) -> Result<(), Error> {
    write(session, ADD, sums).await
}

/// Say what each window is.
pub async fn put(session: &mut Session, sums: &Sums) -> Result<(), Error> {
    write(session, PUT, sums).await
}

/// Every window of a grain that begins between two moments.
pub async fn list(session: &mut Session, grain: Grain, (from, until): (Timestamp, Timestamp)) -> Result<Sums, Error> {
    let rows: Vec<Row> = session.all(LIST_DAY, (grain, from, until)).await?;
    Ok(rows.into_iter().map(|row| (row.window, row.sum)).collect())
}

/// Forget the windows of a grain before a moment.
pub async fn purge(session: &mut Session, grain: Grain, before: Timestamp) -> Result<u64, Error> {
    session.execute(PURGE, (grain, before)).await
}

/// Forget who was seen before a day: some of them, so that nobody waits long; whether there are more.
pub async fn forget_before(session: &mut Session, day: Day) -> Result<bool, Error> {
    let first: Option<(Option<Day>,)> = session.optional(FIRST_DAY, ()).await?;
    let Some(first) = first.and_then(|(first,)| first).filter(|first| *first < day) else { return Ok(false) };
    match session.optional::<(String, String)>(CHUNK_END, (first, FORGOTTEN_MAX)).await? {
        Some((scope, visitor)) => {
            session.execute(FORGET_CHUNK, (first, scope.as_str(), scope.as_str(), visitor)).await.map(|_| true)
        }
        None => forget(session, first).await.map(|_| true),
    }
}

/// One figure over time; windows in which nothing happened have no row.
pub async fn series(
    session: &mut Session,
    grain: Grain,
    (scope, key): (Scope, &str),
    metric: Metric,
    (from, until): (Timestamp, Timestamp),
) -> Result<Vec<(Timestamp, i64, Fen)>, Error> {
    session.all(SERIES, (grain, scope, key, metric, from, until)).await
}

/// All figures of some days about one thing.
pub async fn by_day(
    session: &mut Session,
    (scope, key): (Scope, &str),
    (from, until): (Timestamp, Timestamp),
) -> Result<Sums, Error> {
    let rows: Vec<Row> = session.all(BY_DAY, (scope, key, from, until)).await?;
    Ok(rows.into_iter().map(|row| (row.window, row.sum)).collect())
}

/// Of which there was most: key, how often, how much.
pub async fn top(
    session: &mut Session,
    scope: Scope,
    metric: Metric,
    (from, until): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<(String, i64, Fen)>, Error> {
    session.all(TOP, (from, until, scope, metric, limit)).await
}

/// Note who was seen; those that nobody had noted.
pub async fn see<'s>(session: &mut Session, seen: &'s BTreeSet<Seen>) -> Result<Vec<&'s Seen>, Error> {
    let mut parts: BTreeMap<(Day, Scope), BTreeSet<&str>> = BTreeMap::new();
    for seen in seen {
        parts.entry((seen.day, seen.scope)).or_default().insert(&seen.visitor);
    }
    let mut known: BTreeSet<Seen> = BTreeSet::new();
    for (part, visitors) in parts {
        let visitors: Vec<_> = visitors.into_iter().map(|visitor| (visitor,)).collect();
        for visitors in visitors.chunks(ROWS_MAX) {
            known.extend(session.all::<Seen>(KNOWN, Then(part, Each(visitors.to_vec()))).await?);
        }
    }
    let fresh: Vec<_> = seen.iter().filter(|seen| !known.contains(*seen)).collect();
    for rows in fresh.chunks(ROWS_MAX) {
        let values =
            rows.iter().map(|seen| (seen.day, seen.scope, seen.visitor.as_str(), seen.role, seen.scope_key.as_str()));
        session.execute(SEE, Each(values.collect())).await?;
    }
    Ok(fresh)
}

/// Forget who was seen on a day.
pub async fn forget(session: &mut Session, day: Day) -> Result<u64, Error> {
    session.execute(FORGET, (day,)).await
}

/// Note on what day visitors were there; for each whose first day that changes, the old one and the new one. `None` when
/// another has changed one of them meanwhile.
pub async fn first(
    session: &mut Session,
    days: &BTreeMap<String, Day>,
) -> Result<Option<Vec<(Option<Day>, Day)>>, Error> {
    let (mut moved, mut fresh) = (Vec::new(), Vec::new());
    let all: Vec<_> = days.iter().map(|(visitor, day)| (visitor.as_str(), *day)).collect();
    for rows in all.chunks(ROWS_MAX) {
        let names = rows.iter().map(|(visitor, _)| (*visitor,)).collect();
        let known: BTreeMap<String, Day> =
            session.all::<(String, Day)>(FIRSTS, Each(names)).await?.into_iter().collect();
        for (visitor, day) in rows {
            match known.get(*visitor) {
                None => fresh.push((*visitor, *day)),
                Some(first) if first > day => {
                    if session.execute(FIRST_EARLIER, (*day, *visitor, *first)).await? != 1 {
                        return Ok(None);
                    }
                    moved.push((Some(*first), *day));
                }
                Some(_) => {}
            }
        }
    }
    for rows in fresh.chunks(ROWS_MAX) {
        session.execute(FIRST, Each(rows.to_vec())).await?;
    }
    moved.extend(fresh.into_iter().map(|(_, day)| (None, day)));
    Ok(Some(moved))
}

/// Visitors whose first day it was.
pub async fn count_firsts(session: &mut Session, day: Day) -> Result<i64, Error> {
    session.number(COUNT_FIRSTS, (day,)).await
}

/// Of those whose first day was `cohort`, the ones who were there on another day.
pub async fn count_retained(session: &mut Session, cohort: Day, day: Day) -> Result<i64, Error> {
    session.number(RETAINED, (day, cohort)).await
}

/// Of the viewers of a day: those who put something into a cart, of them those who ordered, of them those who paid.
pub async fn count_funnel(session: &mut Session, day: Day) -> Result<[i64; 3], Error> {
    Ok([
        session.number(FUNNEL_CART, (day,)).await?,
        session.number(FUNNEL_ORDER, (day,)).await?,
        session.number(FUNNEL_PAID, (day,)).await?,
    ])
}

/// Add visitors to the sketch of a day.
pub async fn sketch(session: &mut Session, day: Day, visitors: &[&str]) -> Result<(), Error> {
    let row: Option<(Vec<u8>,)> = session.optional(SKETCH_HELD, (day,)).await?;
    let is_new = row.is_none();
    let mut sketch = row.map_or_else(Sketch::default, |(registers,)| Sketch::of_registers(registers));
    let mut grown = false;
    for visitor in visitors {
        grown |= sketch.insert(visitor);
    }
    if is_new {
        session.execute(SKETCH_INSERT, (day, sketch.registers())).await?;
    } else if grown {
        session.execute(SKETCH_UPDATE, (sketch.registers(), day)).await?;
    }
    Ok(())
}

/// The visitors of all days from one to another, in one sketch.
pub async fn sketch_of(session: &mut Session, from: Day, to: Day) -> Result<Sketch, Error> {
    let rows: Vec<(Vec<u8>,)> = session.all(SKETCHES, (from, to)).await?;
    let mut whole = Sketch::default();
    for (registers,) in rows {
        whole.merge(&Sketch::of_registers(registers));
    }
    Ok(whole)
}

/// What was found when a day was rolled up.
pub async fn find_day(session: &mut Session, day: Day) -> Result<Option<RolledDay>, Error> {
    session.optional(DAY_FIND, (day,)).await
}

/// Note what was found.
pub async fn put_day(session: &mut Session, row: &RolledDay) -> Result<(), Error> {
    let RolledDay { day, events, differences, example, rolled_ms } = row;
    let update = (*events, *differences, example.as_str(), *rolled_ms, *day);
    if session.execute(DAY_UPDATE, update).await? == 0 {
        session.execute(DAY_INSERT, (*day, *events, *differences, example.as_str(), *rolled_ms)).await?;
    }
    Ok(())
}

/// Up to `limit` events between two moments, behind one of them, in the order in which they happened.
pub async fn raw(
    session: &mut Session,
    (from, until): (Timestamp, Timestamp),
    after: Option<(Timestamp, i64, i64)>,
    limit: i64,
) -> Result<Vec<Logged>, Error> {
    let (at, partition, position) = after.unwrap_or((Timestamp(from.0 - 1), -1, 0));
    let bounds = (from.max(at), until, at, partition, partition, position, limit);
    session.all(RAW, bounds).await
}

/// How many events there were between two moments.
pub async fn count_raw(session: &mut Session, (from, until): (Timestamp, Timestamp)) -> Result<i64, Error> {
    session.number(RAW_COUNT, (from, until)).await
}
