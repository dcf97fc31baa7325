//! Rows on their way out of the shop, in chunks: [`event_log`](super::event) and `orders`, as `weizhan export` reads them.

use super::{Error, Session};
use crate::model::{
    event::Logged,
    export::ExportedOrder,
    id::OrderId,
    time::{Day, Timestamp},
};

statements! {
    RANGES = "SELECT h.partition_no, COALESCE((SELECT MIN(e.position) FROM event_log e WHERE e.partition_no = h.partition_no),
              h.last_position + 1) AS first, h.last_position AS last FROM event_heads h ORDER BY h.partition_no";
    EVENTS = "SELECT partition_no, position, event_id, source, visitor, kind, occurred_ms, received_ms, page, channel,
              product_id, amount_fen, name, detail FROM event_log WHERE partition_no = ? AND position > ? AND position <= ?
              AND occurred_ms >= ? AND occurred_ms < ? ORDER BY position";
    COUNT_ORDERS = "SELECT COUNT(*) FROM orders WHERE created_ms >= ? AND created_ms < ?";
    COUNT_FIGURES = "SELECT COUNT(*) FROM figure_counts WHERE grain IN ('hour', 'day') AND start_ms >= ? AND start_ms < ?";
    ORDERS = "SELECT o.id, o.number, o.user_id, o.appid, o.state, o.goods_fen, o.freight_fen, o.adjustment_fen, o.total_fen,
              o.refunded_fen, o.created_ms, o.paid_ms,
              COALESCE((SELECT CAST(SUM(l.qty) AS SIGNED) FROM order_lines l WHERE l.order_id = o.id), 0) AS qty
              FROM orders o WHERE o.id > ? AND o.created_ms >= ? AND o.created_ms < ? ORDER BY o.id LIMIT ?";
}

/// The part of a partition that there is: its number, its first place and its last; the first is behind the last where
/// there is nothing.
pub type Range = (i64, i64, i64);

/// What there is of the log. Rows up to these places never change.
pub async fn ranges(session: &mut Session) -> Result<Vec<Range>, Error> {
    session.all(RANGES, ()).await
}

/// The events of a partition behind `after` and up to `to` that happened on these days, in order. The places bound how much
/// it can be.
pub async fn events(
    session: &mut Session,
    partition: i64,
    (after, to): (i64, i64),
    (from, until): (Day, Day),
) -> Result<Vec<Logged>, Error> {
    let (start, end): (Timestamp, Timestamp) = (from.start(), until.end());
    session.all(EVENTS, (partition, after, to, start, end)).await
}

/// Orders placed on these days.
pub async fn count_orders(session: &mut Session, (from, until): (Day, Day)) -> Result<i64, Error> {
    session.number(COUNT_ORDERS, (from.start(), until.end())).await
}

/// Up to `limit` of them behind an id, in order.
pub async fn orders(
    session: &mut Session,
    after: OrderId,
    (from, until): (Day, Day),
    limit: i64,
) -> Result<Vec<ExportedOrder>, Error> {
    session.all(ORDERS, (after, from.start(), until.end(), limit)).await
}

/// Figures by hour and by day of these days.
pub async fn count_figures(session: &mut Session, (from, until): (Day, Day)) -> Result<i64, Error> {
    session.number(COUNT_FIGURES, (from.start(), until.end())).await
}
