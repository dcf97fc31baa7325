//! Rows of the log: `event_log`, its heads, its consumers, and `event_facts`, where the server's own events wait for their
//! place.
//!
//! Places are dense and in the order of commits: whoever appends holds the heads of the partitions until its commit, so a
//! reader that has seen a place has seen all before it. A business transaction must not hold them for so long; it leaves a
//! row in `event_facts`, which is moved to the log in one transaction of its own.
//!
//! Statements of many rows have sizes of powers of two: rows are cut into such pieces, lists of ids are filled up with the
//! last one. So a connection keeps a handful of prepared statements, whatever the sizes of batches are.

use super::{Each, Error, Session, Then};
use crate::model::{
    event::{Event, Lag, Logged},
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Most rows of one statement.
const PIECE_MAX: usize = 256;

statements! {
    HEADS = {
        mysql: "SELECT partition_no, last_position FROM event_heads WHERE partition_no IN ({?}) ORDER BY partition_no
                FOR UPDATE",
        sqlite: "SELECT partition_no, last_position FROM event_heads WHERE partition_no IN ({?}) ORDER BY partition_no",
    };
    ADVANCE = "UPDATE event_heads SET last_position = ? WHERE partition_no = ?";
    KNOWN = "SELECT event_id FROM event_log WHERE partition_no = ? AND event_id IN ({?})";
    INSERT = "INSERT INTO event_log (partition_no, position, event_id, source, visitor, kind, occurred_ms, received_ms, page,
              channel, product_id, amount_fen, name, detail) VALUES {(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)}";
    READ = "SELECT partition_no, position, event_id, source, visitor, kind, occurred_ms, received_ms, page, channel, product_id,
            amount_fen, name, detail FROM event_log WHERE partition_no = ? AND position > ? ORDER BY position LIMIT ?";
    POSITION = "SELECT position FROM event_consumers WHERE consumer = ? AND partition_no = ?";
    POSITION_HELD = {
        mysql: "SELECT position FROM event_consumers WHERE consumer = ? AND partition_no = ? FOR UPDATE",
        sqlite: "SELECT position FROM event_consumers WHERE consumer = ? AND partition_no = ?",
    };
    ENROL = "INSERT INTO event_consumers (consumer, partition_no, position, updated_ms) VALUES (?, ?, 0, ?)";
    MOVE_ON = "UPDATE event_consumers SET position = ?, updated_ms = ? WHERE consumer = ? AND partition_no = ? AND position = ?";
    LAGS = "SELECT c.consumer, c.partition_no, c.position, h.last_position AS last FROM event_consumers c
            JOIN event_heads h ON h.partition_no = c.partition_no ORDER BY c.consumer, c.partition_no";
    NOTE = "INSERT INTO event_facts (event_id, source, visitor, kind, occurred_ms, received_ms, page, channel, product_id,
            amount_fen, name, detail) VALUES {(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)}";
    WAITING = {
        mysql: "SELECT event_id, source, visitor, kind, occurred_ms, received_ms, page, channel, product_id, amount_fen, name,
                detail FROM event_facts ORDER BY received_ms, event_id LIMIT ? FOR UPDATE SKIP LOCKED",
        sqlite: "SELECT event_id, source, visitor, kind, occurred_ms, received_ms, page, channel, product_id, amount_fen, name,
                 detail FROM event_facts ORDER BY received_ms, event_id LIMIT ?",
    };
    MOVED = "DELETE FROM event_facts WHERE event_id IN ({?})";
    COUNT_WAITING = "SELECT COUNT(*) FROM event_facts";
    ANY_WAITING = "SELECT event_id FROM event_facts LIMIT 1";
    CONSUMERS_HELD = {
        mysql: "SELECT consumer, partition_no, position FROM event_consumers ORDER BY consumer, partition_no FOR UPDATE",
        sqlite: "SELECT consumer, partition_no, position FROM event_consumers ORDER BY consumer, partition_no",
    };
    OLDEST = "SELECT position, received_ms FROM event_log WHERE partition_no = ? ORDER BY position LIMIT ?";
    TRIM = "DELETE FROM event_log WHERE partition_no = ? AND position <= ?";
    REWIND = "UPDATE event_consumers SET position = ?, updated_ms = ? WHERE consumer = ? AND partition_no = ?";
    LAST = "SELECT last_position FROM event_heads WHERE partition_no = ?";
}

/// Append what is not there yet, in this order, at the next places of each partition; how many were new. Take a session of
/// its own and commit it at once: the heads are held until then.
pub async fn append(session: &mut Session, events: &[Event]) -> Result<usize, Error> {
    let events: Vec<_> = events.iter().collect();
    Ok(append_each(session, &events).await?.into_iter().filter(|new| *new).count())
}

/// The same; of each event whether it was new. Of two with the same id in the list the first is.
pub async fn append_each(session: &mut Session, events: &[&Event]) -> Result<Vec<bool>, Error> {
    append_to_log(session, events, true).await
}

/// The same without asking the log what it has, which takes about as long as writing. `Conflict` when it has one of them:
/// then nothing of this session may be committed.
pub async fn append_unseen(session: &mut Session, events: &[&Event]) -> Result<Vec<bool>, Error> {
    append_to_log(session, events, false).await
}

async fn append_to_log(session: &mut Session, events: &[&Event], look: bool) -> Result<Vec<bool>, Error> {
    let mut parts: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (place, event) in events.iter().enumerate() {
        parts.entry(event.partition()).or_default().push(place);
    }
    let mut news = vec![false; events.len()];
    if parts.is_empty() {
        return Ok(news);
    }
    // All heads in one order, so that two who append do not wait for each other in a circle.
    let heads: Vec<(i64, i64)> = session.all(HEADS, Each(parts.keys().map(|part| (*part,)).collect())).await?;
    let mut rows = Vec::with_capacity(events.len());
    for (partition, last) in heads {
        let places = parts.remove(&partition).unwrap_or_default();
        let ids: Vec<&str> = places.iter().map(|place| events[*place].event_id.as_str()).collect();
        let known = if look { known(session, partition, &ids).await? } else { HashSet::new() };
        let (mut seen, mut position) = (HashSet::new(), last);
        for (place, id) in places.into_iter().zip(ids) {
            if !known.contains(id) && seen.insert(id) {
                position += 1;
                news[place] = true;
                rows.push((partition, position, events[place]));
            }
        }
        if position > last {
            session.execute(ADVANCE, (position, partition)).await?;
        }
    }
    if let Some((partition, _)) = parts.pop_first() {
        // Without its head a partition takes nothing; to answer for its events would lose them.
        return Err(Error::Corrupt { table: "event_heads", column: "partition_no", row: partition.to_string() });
    }
    let mut rest = rows.as_slice();
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(piece_of(rest.len()));
        let values = piece.iter().map(|(partition, position, event)| Then((*partition, *position), values(event)));
        session.execute(INSERT, Each(values.collect())).await?;
        rest = more;
    }
    Ok(news)
}

/// How many of so many rows the next statement takes: the largest power of two that fits.
fn piece_of(count: usize) -> usize {
    count.checked_ilog2().map_or(0, |power| 1 << power).min(PIECE_MAX)
}

/// A list of ids as one statement takes it, filled up to a power of two.
fn filled<'a>(ids: &[&'a str]) -> Vec<(&'a str,)> {
    let last = ids.last().copied().into_iter();
    let fill = ids.len().next_power_of_two() - ids.len();
    ids.iter().copied().chain(last.cycle().take(fill)).map(|id| (id,)).collect()
}

/// Which of these ids the partition has.
async fn known(session: &mut Session, partition: i64, ids: &[&str]) -> Result<HashSet<String>, Error> {
    let mut known = HashSet::new();
    for piece in ids.chunks(PIECE_MAX) {
        let rows: Vec<(String,)> = session.all(KNOWN, Then((partition,), Each(filled(piece)))).await?;
        known.extend(rows.into_iter().map(|(id,)| id));
    }
    Ok(known)
}

/// The values of an event, in the order of the columns.
fn values(event: &Event) -> impl super::Args<'_> {
    (
        event.event_id.as_str(),
        event.source.as_str(),
        event.visitor.as_str(),
        event.kind,
        event.occurred_ms,
        event.received_ms,
        event.page.as_str(),
        event.channel.as_str(),
        event.product_id,
        event.amount_fen,
        event.name.as_str(),
        event.detail.as_str(),
    )
}

/// Up to `limit` events of a partition behind a place, in order.
pub async fn read(session: &mut Session, partition: i64, after: i64, limit: i64) -> Result<Vec<Logged>, Error> {
    session.all(READ, (partition, after, limit)).await
}

/// The last event of a partition that a consumer is done with; 0 for one that has not begun.
pub async fn position(session: &mut Session, consumer: &str, partition: i64) -> Result<i64, Error> {
    Ok(session.optional::<(i64,)>(POSITION, (consumer, partition)).await?.map_or(0, |(position,)| position))
}

/// The same, held until the end of the transaction: nobody else of this name moves on meanwhile. Enrols a new consumer.
pub async fn hold(session: &mut Session, consumer: &str, partition: i64, now: Timestamp) -> Result<i64, Error> {
    if let Some((position,)) = session.optional::<(i64,)>(POSITION_HELD, (consumer, partition)).await? {
        return Ok(position);
    }
    session.insert_new(ENROL, (consumer, partition, now)).await?;
    session.number(POSITION_HELD, (consumer, partition)).await
}

/// A consumer is done with all up to `to`, in the transaction of what it made of them. `false` when it is not at `from` any
/// more: then nothing of it may be committed.
pub async fn move_on(
    session: &mut Session,
    consumer: &str,
    partition: i64,
    (from, to): (i64, i64),
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(MOVE_ON, (to, now, consumer, partition, from)).await? == 1)
}

/// How far every consumer is.
pub async fn lags(session: &mut Session) -> Result<Vec<Lag>, Error> {
    session.all(LAGS, ()).await
}

/// Note facts in the transaction that makes them so. The same `event_id` twice is an error: a fact happens once.
pub async fn note(session: &mut Session, facts: &[Event]) -> Result<(), Error> {
    if facts.is_empty() {
        return Ok(());
    }
    session.execute_later(NOTE, Each(facts.iter().map(values).collect())).await
}

/// Move up to `limit` facts to the log; how many there were. In a transaction of its own.
pub async fn move_facts(session: &mut Session, limit: i64) -> Result<usize, Error> {
    let facts: Vec<Event> = session.all(WAITING, (limit,)).await?;
    if facts.is_empty() {
        return Ok(0);
    }
    append(session, &facts).await?;
    let ids: Vec<&str> = facts.iter().map(|fact| fact.event_id.as_str()).collect();
    for piece in ids.chunks(PIECE_MAX) {
        session.execute(MOVED, Each(filled(piece))).await?;
    }
    Ok(facts.len())
}

/// Whether any fact waits.
pub async fn is_any_waiting(session: &mut Session) -> Result<bool, Error> {
    Ok(session.optional::<(String,)>(ANY_WAITING, ()).await?.is_some())
}

/// Delete up to `limit` of the oldest events of a partition that were taken in before a time and that every consumer is
/// done with; how many. Consumers stay where they are until the session ends. One that has begun elsewhere and not here is
/// done with nothing here.
pub async fn trim(session: &mut Session, partition: i64, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let consumers: Vec<(String, i64, i64)> = session.all(CONSUMERS_HELD, ()).await?;
    let names: BTreeSet<&str> = consumers.iter().map(|(name, ..)| name.as_str()).collect();
    let position_of = |name: &str| {
        let own = consumers.iter().find(|(consumer, part, _)| consumer == name && *part == partition);
        own.map_or(0, |(.., position)| *position)
    };
    let done = names.into_iter().map(position_of).min().unwrap_or(i64::MAX);
    let oldest: Vec<(i64, Timestamp)> = session.all(OLDEST, (partition, limit)).await?;
    // A prefix, so that what is left has no gap.
    let past = oldest.iter().take_while(|(position, received)| *position <= done && *received < before).last();
    match past {
        Some((position, _)) => session.execute(TRIM, (partition, *position)).await,
        None => Ok(0),
    }
}

/// The first event of a partition that is still there, or the place of the next where there is none; and the last place.
pub async fn ends(session: &mut Session, partition: i64) -> Result<(i64, i64), Error> {
    let last = session.number(LAST, (partition,)).await?;
    let first: Option<(i64, Timestamp)> = session.optional(OLDEST, (partition, 1_i64)).await?;
    Ok((first.map_or(last + 1, |(first, _)| first), last))
}

/// Let a consumer go on behind another place, which [`ends`] must allow; `false` when it is not enrolled.
pub async fn rewind(
    session: &mut Session,
    consumer: &str,
    partition: i64,
    position: i64,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(REWIND, (position, now, consumer, partition)).await? == 1)
}

/// Facts that wait for their place.
pub async fn count_waiting(session: &mut Session) -> Result<i64, Error> {
    session.number(COUNT_WAITING, ()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_have_few_sizes() {
        let pieces = |mut count: usize| {
            let mut pieces = Vec::new();
            while count > 0 {
                pieces.push(piece_of(count));
                count -= piece_of(count);
            }
            pieces
        };
        assert_eq!((pieces(100), pieces(600)), (vec![64, 32, 4], vec![256, 256, 64, 16, 8]));
        assert_eq!(filled(&["a", "b", "c"]), [("a",), ("b",), ("c",), ("c",)]);
        assert_eq!(filled(&["a"; PIECE_MAX]).len(), PIECE_MAX);
    }
}
