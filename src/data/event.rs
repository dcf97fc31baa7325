//! Rows of the log: `event_log`, its heads, its consumers, and `event_facts`, where the server's own events wait for their
//! place.
//!
//! Places are dense and in the order of commits: whoever appends holds the heads of the partitions until its commit, so a
//! reader that has seen a place has seen all before it. A business transaction must not hold them for so long; it leaves a
//! row in `event_facts`, which is moved to the log in one transaction of its own.

use super::{Each, Error, Session, Then};
use crate::model::{
    event::{Event, Lag, Logged},
    time::Timestamp,
};
use std::collections::{BTreeMap, HashSet};

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
}

/// Append what is not there yet, in this order, at the next places of each partition; how many were new. Take a session of
/// its own and commit it at once: the heads are held until then.
pub async fn append(session: &mut Session, events: &[Event]) -> Result<usize, Error> {
    let mut parts: BTreeMap<i64, Vec<&Event>> = BTreeMap::new();
    for event in events {
        parts.entry(event.partition()).or_default().push(event);
    }
    if parts.is_empty() {
        return Ok(0);
    }
    // All heads in one order, so that two who append do not wait for each other in a circle.
    let heads: Vec<(i64, i64)> = session.all(HEADS, Each(parts.keys().map(|part| (*part,)).collect())).await?;
    let mut rows = Vec::with_capacity(events.len());
    for (partition, last) in heads {
        let events = parts.remove(&partition).unwrap_or_default();
        let ids = events.iter().map(|event| (event.event_id.as_str(),)).collect();
        let known: Vec<(String,)> = session.all(KNOWN, Then((partition,), Each(ids))).await?;
        let mut known: HashSet<String> = known.into_iter().map(|(id,)| id).collect();
        let mut position = last;
        for event in events.into_iter().filter(|event| known.insert(event.event_id.clone())) {
            position += 1;
            rows.push((partition, position, event));
        }
        if position > last {
            session.execute(ADVANCE, (position, partition)).await?;
        }
    }
    if !rows.is_empty() {
        let values = rows.iter().map(|(partition, position, event)| Then((*partition, *position), values(event)));
        session.execute(INSERT, Each(values.collect())).await?;
    }
    Ok(rows.len())
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
    Ok(session.number(POSITION_HELD, (consumer, partition)).await?)
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
    session.execute(NOTE, Each(facts.iter().map(values).collect())).await.map(drop)
}

/// Move up to `limit` facts to the log; how many there were. In a transaction of its own.
pub async fn move_facts(session: &mut Session, limit: i64) -> Result<usize, Error> {
    let facts: Vec<Event> = session.all(WAITING, (limit,)).await?;
    if facts.is_empty() {
        return Ok(0);
    }
    append(session, &facts).await?;
    session.execute(MOVED, Each(facts.iter().map(|fact| (fact.event_id.as_str(),)).collect())).await?;
    Ok(facts.len())
}

/// Facts that wait for their place.
pub async fn count_waiting(session: &mut Session) -> Result<i64, Error> {
    session.number(COUNT_WAITING, ()).await
}
