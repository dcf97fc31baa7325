//! Statements that recompute what must be true of the rows. Each gives the ids of rows that break it; none is right.
//!
//! **How to add one:** a statement here, its line in [`CHECKS`], and a mutant in `tests/it/verify.rs` that trips it: a
//! check without one proves nothing.

use super::{Error, Session, Sql};

/// A thing that must be true.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Short, stable name.
    pub name: &'static str,
    /// What is true.
    pub claim: &'static str,
    /// What the ids of a break are ids of.
    pub noun: &'static str,
    sql: Sql,
}

statements! {
    STOCK_LEDGER = "SELECT s.sku_id FROM stock s LEFT JOIN
        (SELECT sku_id, CAST(SUM(delta) AS SIGNED) AS moved FROM stock_moves GROUP BY sku_id) m ON m.sku_id = s.sku_id
        WHERE s.left_qty <> s.initial_qty + COALESCE(m.moved, 0)";
    STOCK_NEGATIVE = "SELECT sku_id FROM stock WHERE left_qty < 0";
    STOCK_HELD = "SELECT l.order_id FROM order_lines l LEFT JOIN stock_moves m
        ON m.order_id = l.order_id AND m.sku_id = l.sku_id AND m.kind = 'hold' AND m.delta = -l.qty WHERE m.id IS NULL";
    STOCK_RELEASED = "SELECT l.order_id FROM order_lines l JOIN orders o ON o.id = l.order_id
        LEFT JOIN stock_moves m ON m.order_id = l.order_id AND m.sku_id = l.sku_id AND m.kind = 'release' AND m.delta = l.qty
        LEFT JOIN stock_moves t ON t.order_id = l.order_id AND t.sku_id = l.sku_id AND t.kind = 'retake' AND t.delta = -l.qty
        WHERE (o.state = 'closed' AND m.id IS NULL)
        OR (o.state <> 'closed' AND m.id IS NOT NULL AND t.id IS NULL)";
    STOCK_RETAKEN = "SELECT m.order_id FROM stock_moves m WHERE m.kind = 'retake' AND NOT EXISTS (SELECT 1
        FROM order_transitions t WHERE t.order_id = m.order_id AND t.step = 'revive') UNION
        SELECT t.order_id FROM order_transitions t JOIN order_lines l ON l.order_id = t.order_id WHERE t.step = 'revive'
        AND NOT EXISTS (SELECT 1 FROM stock_moves m WHERE m.order_id = l.order_id AND m.sku_id = l.sku_id
        AND m.kind = 'retake' AND m.delta = -l.qty)";
    ORDER_PAID = "SELECT o.id FROM orders o LEFT JOIN payments p ON p.order_id = o.id AND p.accepted = 1
        WHERE o.state IN ('paid', 'shipped', 'received', 'refunded') GROUP BY o.id, o.total_fen, o.openid
        HAVING COUNT(p.id) <> 1 OR MAX(p.total_fen) <> o.total_fen OR MAX(p.openid) <> o.openid";
    ORDER_UNPAID = "SELECT o.id FROM orders o JOIN payments p ON p.order_id = o.id AND p.accepted = 1
        WHERE o.state IN ('pending', 'closed')";
    ORDER_TOTAL = "SELECT o.id FROM orders o LEFT JOIN
        (SELECT order_id, CAST(SUM(qty * price_fen) AS SIGNED) AS goods FROM order_lines GROUP BY order_id) l
        ON l.order_id = o.id WHERE COALESCE(l.goods, -1) <> o.goods_fen
        OR o.goods_fen + o.freight_fen + o.adjustment_fen <> o.total_fen OR o.total_fen < 1";
    ORDER_REPRICED = "SELECT o.id FROM orders o WHERE o.adjustment_fen <> 0 AND NOT EXISTS (SELECT 1
        FROM order_transitions t WHERE t.order_id = o.id AND t.step = 'reprice')";
    ORDER_PAID_WHEN = "SELECT id FROM orders WHERE (paid_ms IS NULL) <> (state IN ('pending', 'closed'))";
    ORDER_HISTORY = "SELECT o.id FROM orders o LEFT JOIN order_transitions t ON t.order_id = o.id
        GROUP BY o.id, o.version HAVING COUNT(t.version) <> o.version OR MAX(t.version) <> o.version OR MIN(t.version) <> 1";
    ORDER_HISTORY_JOINS = "SELECT a.order_id FROM order_transitions a JOIN order_transitions b
        ON b.order_id = a.order_id AND b.version = a.version + 1 WHERE b.from_state IS NULL OR a.to_state <> b.from_state";
    ORDER_HISTORY_ENDS = "SELECT o.id FROM orders o JOIN order_transitions t ON t.order_id = o.id AND t.version = o.version
        WHERE t.to_state <> o.state";
    /// `COALESCE`, since a comparison with nothing would be neither true nor false, and a break without a from-state
    /// would not be seen.
    ORDER_HISTORY_LEGAL = "SELECT order_id FROM order_transitions WHERE NOT (
        (step = 'place' AND from_state IS NULL AND to_state = 'pending' AND version = 1)
        OR (step = 'pay' AND COALESCE(from_state, '') = 'pending' AND to_state = 'paid')
        OR (step = 'reprice' AND COALESCE(from_state, '') = 'pending' AND to_state = 'pending')
        OR (step = 'close' AND COALESCE(from_state, '') = 'pending' AND to_state = 'closed')
        OR (step = 'revive' AND COALESCE(from_state, '') = 'closed' AND to_state = 'paid')
        OR (step = 'ship' AND COALESCE(from_state, '') = 'paid' AND to_state = 'shipped')
        OR (step = 'receive' AND COALESCE(from_state, '') = 'shipped' AND to_state = 'received')
        OR (step = 'refund' AND COALESCE(from_state, '') IN ('paid', 'shipped', 'received') AND to_state = 'refunded'))";
    ORDER_SHIPPED = "SELECT o.id FROM orders o LEFT JOIN shipments s ON s.order_id = o.id
        LEFT JOIN shippings g ON g.order_id = o.id AND g.logistics <> 'express'
        WHERE o.state IN ('shipped', 'received') AND s.id IS NULL AND g.order_id IS NULL";
    SHIPMENT_LEFT = "SELECT g.order_id FROM shippings g LEFT JOIN orders o ON o.id = g.order_id
        WHERE o.id IS NULL OR o.state IN ('pending', 'paid', 'closed')";
    SHIPMENT_UPLOAD = "SELECT g.order_id FROM shippings g WHERE g.upload_state = 'waiting' AND NOT EXISTS (SELECT 1 FROM jobs j
        WHERE j.dedupe_key = CONCAT('upload_shipping:', g.order_id, ':', g.version) AND j.state IN ('ready', 'running'))";
    SHIPMENT_UPLOADED = "SELECT order_id FROM shippings WHERE (upload_state = 'uploaded' AND (uploaded_ms IS NULL OR tried_ms IS NULL))
        OR (upload_state = 'refused' AND upload_code IS NULL) OR (upload_state <> 'refused' AND upload_code IS NOT NULL)";
    PAYMENT_RETURNED = "SELECT p.id FROM payments p LEFT JOIN refunds r ON r.transaction_id = p.transaction_id
        AND r.cause IN ('late_payment', 'second_payment', 'suspense') AND r.amount_fen = p.total_fen
        AND r.state <> 'closed' WHERE p.accepted = 0 GROUP BY p.id HAVING COUNT(r.id) <> 1";
    /// Money that staff sent back out of suspense may differ from what was asked for: that is why it was there.
    PAYMENT_ATTEMPT = "SELECT p.id FROM payments p LEFT JOIN prepays a ON a.out_trade_no = p.out_trade_no
        AND a.order_id = p.order_id AND a.state = 'paid' WHERE a.id IS NULL OR (a.total_fen <> p.total_fen AND NOT EXISTS
        (SELECT 1 FROM refunds r WHERE r.transaction_id = p.transaction_id AND r.cause = 'suspense'))";
    ATTEMPT_PAID = "SELECT a.id FROM prepays a LEFT JOIN payments p ON p.out_trade_no = a.out_trade_no
        WHERE a.state = 'paid' AND p.id IS NULL";
    ATTEMPT_CLOSED = "SELECT a.id FROM prepays a JOIN orders o ON o.id = a.order_id
        WHERE a.state = 'open' AND o.state = 'closed'";
    ATTEMPT_AMOUNT = "SELECT a.id FROM prepays a JOIN orders o ON o.id = a.order_id
        WHERE a.state = 'open' AND o.state = 'pending' AND a.total_fen <> o.total_fen";
    SUSPENSE_REFUNDED = "SELECT COALESCE(a.id, 0) FROM suspense s LEFT JOIN prepays a ON a.out_trade_no = s.out_trade_no
        WHERE s.resolution = 'refunded' AND NOT EXISTS (SELECT 1 FROM payments p JOIN refunds r
        ON r.transaction_id = p.transaction_id AND r.cause = 'suspense'
        WHERE p.transaction_id = s.transaction_id AND p.accepted = 0)";
    SUSPENSE_RESOLVED = "SELECT COALESCE(id, created_ms) FROM suspense WHERE (resolved = 1 AND resolution IS NULL)
        OR (resolved = 0 AND resolution IS NOT NULL) OR (resolution IS NULL) <> (resolved_ms IS NULL)
        OR (resolution IN ('refunded', 'dismissed') AND staff_id IS NULL) OR (resolution = 'dismissed' AND note IS NULL)";
    REFUND_HELD = "SELECT o.id FROM orders o LEFT JOIN (SELECT order_id,
        CAST(SUM(CASE WHEN state NOT IN ('rejected', 'closed') THEN amount_fen ELSE 0 END) AS SIGNED) AS held,
        CAST(SUM(CASE WHEN state = 'succeeded' THEN amount_fen ELSE 0 END) AS SIGNED) AS given
        FROM refunds WHERE cause IN ('buyer', 'staff') GROUP BY order_id) r ON r.order_id = o.id
        WHERE o.refund_held_fen <> COALESCE(r.held, 0) OR o.refunded_fen <> COALESCE(r.given, 0)
        OR o.refund_held_fen > o.total_fen OR o.refunded_fen > o.refund_held_fen";
    REFUND_PAYMENT = "SELECT r.id FROM refunds r LEFT JOIN payments p ON p.transaction_id = r.transaction_id
        WHERE p.id IS NULL OR p.order_id <> r.order_id OR p.total_fen <> r.paid_fen";
    REFUND_SUM = "SELECT p.id FROM payments p JOIN refunds r ON r.transaction_id = p.transaction_id
        WHERE r.state NOT IN ('rejected', 'closed') GROUP BY p.id, p.total_fen HAVING SUM(r.amount_fen) > p.total_fen";
    REFUND_RETRY = "SELECT r.id FROM refunds r LEFT JOIN refunds b ON b.id = r.retry_of WHERE r.retry_of IS NOT NULL
        AND (b.id IS NULL OR b.state <> 'closed' OR b.transaction_id <> r.transaction_id OR b.amount_fen <> r.amount_fen
        OR b.cause <> r.cause OR b.out_refund_no = r.out_refund_no)";
    REFUND_ENDED = "SELECT id FROM refunds WHERE (ended_ms IS NULL) = (state IN ('succeeded', 'rejected', 'closed'))";
    REFUND_WHOLE = "SELECT id FROM orders WHERE (state = 'refunded' AND refunded_fen <> total_fen)
        OR (state IN ('paid', 'shipped', 'received') AND refunded_fen = total_fen)";
    SALES = "SELECT p.id FROM products p LEFT JOIN (SELECT l.product_id, CAST(SUM(l.qty) AS SIGNED) AS sold
        FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.state IN ('paid', 'shipped', 'received', 'refunded')
        GROUP BY l.product_id) s ON s.product_id = p.id WHERE p.sales <> COALESCE(s.sold, 0)";
    JOB_CLOSE = "SELECT o.id FROM orders o WHERE o.state = 'pending' AND NOT EXISTS (SELECT 1 FROM jobs j
        WHERE j.dedupe_key = CONCAT('close_unpaid_order:', o.id) AND j.state IN ('ready', 'running'))";
    JOB_REFUND = "SELECT r.id FROM refunds r WHERE r.state IN ('approved', 'processing', 'abnormal') AND NOT EXISTS (SELECT 1 FROM jobs j
        WHERE j.dedupe_key IN (CONCAT('send_refund:', r.id), CONCAT('poll_refund:', r.id)) AND j.state IN ('ready', 'running'))";
    JOB_RECEIVE = "SELECT g.order_id FROM shippings g JOIN orders o ON o.id = g.order_id AND o.state = 'shipped'
        WHERE g.receive_ms IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs j
        WHERE j.dedupe_key = CONCAT('receive_order:', g.order_id) AND j.state IN ('ready', 'running'))";
    JOB_PUSH = "SELECT p.id FROM pushes p WHERE p.outcome IS NULL AND NOT EXISTS (SELECT 1 FROM jobs j
        WHERE j.dedupe_key = CONCAT('handle_push:', p.id) AND j.state IN ('ready', 'running'))";
    NOTICE_SETTLED = "SELECT received_ms FROM notices WHERE (outcome = 'waiting' AND failures >= 5)
        OR (outcome = 'waiting') = (settled_ms IS NOT NULL)";
    JOB_DEAD = "SELECT id FROM jobs WHERE state = 'dead' OR attempt > attempts_max";
    EVENT_DENSE = "SELECT partition_no FROM event_log GROUP BY partition_no HAVING MAX(position) - MIN(position) + 1 <> COUNT(*)";
    EVENT_HEAD = "SELECT l.partition_no FROM event_log l LEFT JOIN event_heads h ON h.partition_no = l.partition_no
        GROUP BY l.partition_no, h.last_position HAVING MAX(l.position) <> COALESCE(h.last_position, -1)";
    /// By way of the heads, so that each partition is asked by its key.
    EVENT_WAITING = "SELECT f.received_ms FROM event_facts f JOIN event_heads h ON h.last_position > 0
        JOIN event_log l ON l.partition_no = h.partition_no AND l.event_id = f.event_id";
}

/// Everything that must be true of the rows.
pub const CHECKS: &[Check] = &[
    check("stock.ledger", "what is left of a SKU is what there was plus all its moves", "sku", STOCK_LEDGER),
    check("stock.negative", "no stock is below nothing", "sku", STOCK_NEGATIVE),
    check("stock.held", "every order line has set its pieces aside", "order", STOCK_HELD),
    check(
        "stock.released",
        "closed orders gave their pieces back, and others only if they took them again",
        "order",
        STOCK_RELEASED,
    ),
    check("stock.retaken", "orders that were revived, and only they, took their pieces again", "order", STOCK_RETAKEN),
    check("order.paid", "a paid order has one accepted payment of its total by its buyer", "order", ORDER_PAID),
    check("order.unpaid", "an unpaid order has no accepted payment", "order", ORDER_UNPAID),
    check(
        "order.total",
        "an order's total is its lines, delivery and what staff added or took off",
        "order",
        ORDER_TOTAL,
    ),
    check("order.repriced", "only staff, by a move of the order, change a price", "order", ORDER_REPRICED),
    check("order.paid_when", "an order that was paid says when, and no other does", "order", ORDER_PAID_WHEN),
    check("order.history", "the history of an order has no gap", "order", ORDER_HISTORY),
    check("order.history_joins", "each move starts where the one before ended", "order", ORDER_HISTORY_JOINS),
    check("order.history_ends", "the history ends where the order stands", "order", ORDER_HISTORY_ENDS),
    check("order.history_legal", "every move is allowed", "order", ORDER_HISTORY_LEGAL),
    check("order.shipped", "a shipped order has a parcel, or goes without one", "order", ORDER_SHIPPED),
    check("shipment.left", "only of paid orders something has left", "order", SHIPMENT_LEFT),
    check("shipment.upload", "whatever WeChat is to be told of has a job that tells it", "order", SHIPMENT_UPLOAD),
    check("shipment.uploaded", "what was uploaded says when, what was refused says why", "order", SHIPMENT_UPLOADED),
    check("payment.returned", "money that paid no order goes back whole, once", "payment", PAYMENT_RETURNED),
    check("payment.attempt", "every payment belongs to an attempt of its order and amount", "payment", PAYMENT_ATTEMPT),
    check("prepay.paid", "a paid attempt has its payment", "prepay", ATTEMPT_PAID),
    check("prepay.closed", "no attempt of a closed order can be paid", "prepay", ATTEMPT_CLOSED),
    check("prepay.amount", "what can be paid is the total of its order", "prepay", ATTEMPT_AMOUNT),
    check("suspense.refunded", "money that staff sent back out of suspense is on its way", "prepay", SUSPENSE_REFUNDED),
    check(
        "suspense.resolved",
        "what waits no more in suspense says how, when and through whom",
        "suspense row",
        SUSPENSE_RESOLVED,
    ),
    check(
        "refund.held",
        "what is set aside and given back of an order is the sum of its refunds",
        "order",
        REFUND_HELD,
    ),
    check("refund.payment", "every refund belongs to a payment of its order", "refund", REFUND_PAYMENT),
    check(
        "refund.retry",
        "a refund takes the place of a closed one of the same money, under a new number",
        "refund",
        REFUND_RETRY,
    ),
    check("refund.ended", "a refund that is over says when, and no other does", "refund", REFUND_ENDED),
    check("refund.sum", "no payment is refunded above its amount", "payment", REFUND_SUM),
    check("refund.whole", "an order is refunded when all its money went back, and only then", "order", REFUND_WHOLE),
    check("product.sales", "pieces sold are the pieces of paid orders", "product", SALES),
    check("job.close", "every unpaid order has a job that will close it", "order", JOB_CLOSE),
    check("job.refund", "every refund under way has a job that follows it", "refund", JOB_REFUND),
    check("job.receive", "every sent order that time receives has a job for it", "order", JOB_RECEIVE),
    check("job.push", "every message of WeChat that was not handled has a job for it", "push", JOB_PUSH),
    check("notice.settled", "every acknowledged callback was settled or is tried", "received_ms", NOTICE_SETTLED),
    check("job.dead", "no job has been given up", "job", JOB_DEAD),
    check("event.dense", "the places of a partition of the log have no gap", "partition", EVENT_DENSE),
    check("event.head", "the head of a partition is its last event", "partition", EVENT_HEAD),
    check("event.waiting", "no fact is in the log and waits for it, too", "received_ms", EVENT_WAITING),
];

const fn check(name: &'static str, claim: &'static str, noun: &'static str, sql: Sql) -> Check {
    Check { name, claim, noun, sql }
}

/// The ids of the rows that break a check; at most a hundred are of use to anybody.
pub async fn broken(session: &mut Session, check: &Check) -> Result<Vec<i64>, Error> {
    let rows: Vec<(i64,)> = session.all(check.sql, ()).await?;
    Ok(rows.into_iter().take(100).map(|(id,)| id).collect())
}
