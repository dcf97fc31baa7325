//! Rows spoiled on purpose, a list a part of `verify`. **How to add one:** a line here; a check without one fails the test.

/// A mutant: the checks that it trips (the first is the one it is for), how it is made, how it is taken back. `{paid}` and
/// the like stand for ids.
pub(super) type Mutant = (&'static [&'static str], &'static str, &'static str);

pub(super) const STOCK: &[Mutant] = &[
    (&["stock.ledger"], "UPDATE stock SET left_qty = left_qty + 1", "UPDATE stock SET left_qty = left_qty - 1"),
    (
        &["stock.ledger"],
        "UPDATE stock_moves SET delta = delta - 1 WHERE kind = 'adjust'",
        "UPDATE stock_moves SET delta = delta + 1 WHERE kind = 'adjust'",
    ),
    (
        &["stock.negative"],
        "UPDATE stock SET left_qty = left_qty - 1000, initial_qty = initial_qty - 1000",
        "UPDATE stock SET left_qty = left_qty + 1000, initial_qty = initial_qty + 1000",
    ),
    (
        &["stock.held"],
        "UPDATE stock_moves SET order_id = -order_id WHERE order_id = {pending}",
        "UPDATE stock_moves SET order_id = -order_id WHERE order_id = -{pending}",
    ),
    (
        &["stock.released"],
        "UPDATE stock_moves SET order_id = -order_id WHERE order_id = {closed} AND kind = 'release'",
        "UPDATE stock_moves SET order_id = -order_id WHERE order_id = -{closed}",
    ),
    (
        &["stock.released"],
        "UPDATE stock_moves SET kind = 'release', order_id = {paid} WHERE kind = 'adjust'",
        "UPDATE stock_moves SET kind = 'adjust', order_id = NULL WHERE kind = 'release' AND order_id = {paid}",
    ),
    (
        &["stock.retaken"],
        "UPDATE stock_moves SET kind = 'retake', order_id = {paid} WHERE kind = 'adjust'",
        "UPDATE stock_moves SET kind = 'adjust', order_id = NULL WHERE kind = 'retake' AND order_id = {paid}",
    ),
    (
        &["stock.retaken", "stock.released"],
        "UPDATE stock_moves SET order_id = -order_id WHERE order_id = {revived} AND kind = 'retake'",
        "UPDATE stock_moves SET order_id = -order_id WHERE order_id = -{revived}",
    ),
];

pub(super) const ORDERS: &[Mutant] = &[
    (
        &["order.paid"],
        "UPDATE orders SET openid = CONCAT('x', openid) WHERE id = {paid}",
        "UPDATE orders SET openid = SUBSTR(openid, 2) WHERE id = {paid}",
    ),
    (
        &["order.paid", "payment.returned"],
        "UPDATE payments SET accepted = 0 WHERE order_id = {shipped}",
        "UPDATE payments SET accepted = 1 WHERE order_id = {shipped}",
    ),
    (
        &["order.paid", "payment.attempt"],
        "UPDATE payments SET total_fen = total_fen - 1 WHERE order_id = {shipped}",
        "UPDATE payments SET total_fen = total_fen + 1 WHERE order_id = {shipped}",
    ),
    (
        &["order.unpaid"],
        "UPDATE payments SET accepted = 1 WHERE order_id = {late}",
        "UPDATE payments SET accepted = 0 WHERE order_id = {late}",
    ),
    (
        &["order.total"],
        "UPDATE orders SET goods_fen = goods_fen - 1, freight_fen = freight_fen + 1 WHERE id = {paid}",
        "UPDATE orders SET goods_fen = goods_fen + 1, freight_fen = freight_fen - 1 WHERE id = {paid}",
    ),
    (
        &["order.total"],
        "UPDATE order_lines SET price_fen = price_fen - 1 WHERE order_id = {pending}",
        "UPDATE order_lines SET price_fen = price_fen + 1 WHERE order_id = {pending}",
    ),
    (
        &["order.total"],
        "UPDATE orders SET adjustment_fen = adjustment_fen + 1 WHERE id = {repriced}",
        "UPDATE orders SET adjustment_fen = adjustment_fen - 1 WHERE id = {repriced}",
    ),
    (
        &["order.repriced"],
        "UPDATE orders SET adjustment_fen = 1, total_fen = total_fen + 1 WHERE id = {closed}",
        "UPDATE orders SET adjustment_fen = 0, total_fen = total_fen - 1 WHERE id = {closed}",
    ),
    (
        &["order.paid_when"],
        "UPDATE orders SET paid_ms = created_ms WHERE id = {closed}",
        "UPDATE orders SET paid_ms = NULL WHERE id = {closed}",
    ),
    (
        &["order.history"],
        "UPDATE order_transitions SET version = 3 WHERE order_id = {paid} AND version = 2",
        "UPDATE order_transitions SET version = 2 WHERE order_id = {paid} AND version = 3",
    ),
    (
        &["order.history_joins"],
        "UPDATE order_transitions SET from_state = 'shipped' WHERE order_id = {refunded} AND version = 3",
        "UPDATE order_transitions SET from_state = 'paid' WHERE order_id = {refunded} AND version = 3",
    ),
    (
        &["order.history_ends"],
        "UPDATE orders SET state = 'received' WHERE id = {shipped}",
        "UPDATE orders SET state = 'shipped' WHERE id = {shipped}",
    ),
    (
        &["order.history_legal"],
        "UPDATE order_transitions SET step = 'receive' WHERE order_id = {shipped} AND version = 3",
        "UPDATE order_transitions SET step = 'ship' WHERE order_id = {shipped} AND version = 3",
    ),
    (
        &["order.history_legal", "order.history_joins"],
        "UPDATE order_transitions SET from_state = NULL WHERE order_id = {paid} AND step = 'pay'",
        "UPDATE order_transitions SET from_state = 'pending' WHERE order_id = {paid} AND step = 'pay'",
    ),
    (
        &["order.history_legal", "stock.retaken"],
        "UPDATE order_transitions SET step = 'pay' WHERE order_id = {revived} AND step = 'revive'",
        "UPDATE order_transitions SET step = 'revive' WHERE order_id = {revived} AND step = 'pay'",
    ),
    (
        &["order.history_legal", "order.repriced"],
        "UPDATE order_transitions SET step = 'pay' WHERE order_id = {repriced} AND step = 'reprice'",
        "UPDATE order_transitions SET step = 'reprice' WHERE order_id = {repriced} AND step = 'pay'",
    ),
    (
        &["order.shipped"],
        "UPDATE shipments SET order_id = -order_id WHERE order_id = {shipped}",
        "UPDATE shipments SET order_id = -order_id WHERE order_id = -{shipped}",
    ),
    (
        &["shipment.left"],
        "UPDATE shippings SET order_id = -order_id WHERE order_id = {shipped}",
        "UPDATE shippings SET order_id = -order_id WHERE order_id = -{shipped}",
    ),
    (
        &["shipment.upload"],
        "UPDATE shippings SET upload_state = 'waiting' WHERE order_id = {shipped}",
        "UPDATE shippings SET upload_state = 'uploaded' WHERE order_id = {shipped}",
    ),
    (
        &["shipment.uploaded"],
        "UPDATE shippings SET tried_ms = NULL WHERE order_id = {shipped}",
        "UPDATE shippings SET tried_ms = uploaded_ms WHERE order_id = {shipped}",
    ),
    (
        &["shipment.uploaded"],
        "UPDATE shippings SET upload_state = 'refused' WHERE order_id = {shipped}",
        "UPDATE shippings SET upload_state = 'uploaded' WHERE order_id = {shipped}",
    ),
    (&["product.sales"], "UPDATE products SET sales = sales + 1", "UPDATE products SET sales = sales - 1"),
];

pub(super) const MONEY: &[Mutant] = &[
    (
        &["payment.returned"],
        "UPDATE refunds SET amount_fen = amount_fen - 1 WHERE order_id = {late}",
        "UPDATE refunds SET amount_fen = amount_fen + 1 WHERE order_id = {late}",
    ),
    (
        &["payment.returned"],
        "UPDATE refunds SET state = 'closed' WHERE order_id = {late}",
        "UPDATE refunds SET state = 'succeeded' WHERE order_id = {late}",
    ),
    (
        &["payment.attempt"],
        "UPDATE prepays SET state = 'closed' WHERE order_id = {suspended}",
        "UPDATE prepays SET state = 'paid' WHERE order_id = {suspended}",
    ),
    (
        &["payment.attempt"],
        "UPDATE prepays SET total_fen = total_fen + 1 WHERE order_id = {paid}",
        "UPDATE prepays SET total_fen = total_fen - 1 WHERE order_id = {paid}",
    ),
    (
        &["prepay.paid"],
        "UPDATE prepays SET state = 'paid' WHERE order_id = {pending}",
        "UPDATE prepays SET state = 'open' WHERE order_id = {pending}",
    ),
    (
        &["prepay.closed"],
        "UPDATE prepays SET state = 'open' WHERE order_id = {closed}",
        "UPDATE prepays SET state = 'closed' WHERE order_id = {closed}",
    ),
    (
        &["prepay.amount"],
        "UPDATE prepays SET total_fen = total_fen + 1 WHERE order_id = {pending}",
        "UPDATE prepays SET total_fen = total_fen - 1 WHERE order_id = {pending}",
    ),
    (
        &["suspense.refunded"],
        "UPDATE suspense SET transaction_id = CONCAT('x', transaction_id)",
        "UPDATE suspense SET transaction_id = SUBSTR(transaction_id, 2)",
    ),
    (&["suspense.resolved"], "UPDATE suspense SET resolved = 0", "UPDATE suspense SET resolved = 1"),
    (
        &["suspense.resolved"],
        "UPDATE suspense SET resolution = 'dismissed'",
        "UPDATE suspense SET resolution = 'refunded'",
    ),
    (
        &["refund.retry"],
        "UPDATE refunds SET retry_of = 1 WHERE order_id = {late}",
        "UPDATE refunds SET retry_of = NULL WHERE order_id = {late}",
    ),
    (
        &["refund.retry"],
        "UPDATE refunds SET retry_of = id WHERE order_id = {late}",
        "UPDATE refunds SET retry_of = NULL WHERE order_id = {late}",
    ),
    (
        &["refund.ended"],
        "UPDATE refunds SET ended_ms = created_ms WHERE state = 'processing'",
        "UPDATE refunds SET ended_ms = NULL WHERE state = 'processing'",
    ),
    (
        &["refund.held"],
        "UPDATE orders SET refund_held_fen = refund_held_fen + 1 WHERE id = {paid}",
        "UPDATE orders SET refund_held_fen = refund_held_fen - 1 WHERE id = {paid}",
    ),
    (
        &["refund.held"],
        "UPDATE orders SET refunded_fen = refunded_fen + 1 WHERE id = {paid}",
        "UPDATE orders SET refunded_fen = refunded_fen - 1 WHERE id = {paid}",
    ),
    (
        &["refund.payment"],
        "UPDATE refunds SET paid_fen = paid_fen + 1 WHERE order_id = {refunded}",
        "UPDATE refunds SET paid_fen = paid_fen - 1 WHERE order_id = {refunded}",
    ),
    (
        &["refund.payment"],
        "UPDATE refunds SET transaction_id = CONCAT('x', transaction_id) WHERE order_id = {refunded}",
        "UPDATE refunds SET transaction_id = SUBSTR(transaction_id, 2) WHERE order_id = {refunded}",
    ),
    (
        &["refund.sum", "payment.returned"],
        "UPDATE refunds SET amount_fen = amount_fen + 1 WHERE order_id = {late}",
        "UPDATE refunds SET amount_fen = amount_fen - 1 WHERE order_id = {late}",
    ),
    (
        &["refund.whole", "order.history_ends"],
        "UPDATE orders SET state = 'paid' WHERE id = {refunded}",
        "UPDATE orders SET state = 'refunded' WHERE id = {refunded}",
    ),
    (
        &["refund.whole", "order.history_ends"],
        "UPDATE orders SET state = 'refunded' WHERE id = {paid}",
        "UPDATE orders SET state = 'paid' WHERE id = {paid}",
    ),
];

pub(super) const JOBS: &[Mutant] = &[
    (
        &["notice.settled"],
        "UPDATE notices SET outcome = 'waiting' WHERE outcome = 'accepted'",
        "UPDATE notices SET outcome = 'accepted' WHERE outcome = 'waiting'",
    ),
    (
        &["notice.settled"],
        "UPDATE notices SET outcome = 'waiting', settled_ms = settled_ms - 9999999999999, failures = 5
         WHERE outcome = 'accepted'",
        "UPDATE notices SET outcome = 'accepted', settled_ms = settled_ms + 9999999999999, failures = 0
         WHERE outcome = 'waiting'",
    ),
    (
        &["job.close"],
        "UPDATE jobs SET state = 'done' WHERE dedupe_key = 'close_unpaid_order:{pending}'",
        "UPDATE jobs SET state = 'ready' WHERE dedupe_key = 'close_unpaid_order:{pending}'",
    ),
    (
        &["job.refund"],
        "UPDATE jobs SET dedupe_key = CONCAT('x', dedupe_key) WHERE kind = 'poll_refund' AND state = 'ready'",
        "UPDATE jobs SET dedupe_key = SUBSTR(dedupe_key, 2) WHERE kind = 'poll_refund' AND state = 'ready'",
    ),
    (
        &["job.receive"],
        "UPDATE jobs SET state = 'done' WHERE dedupe_key = 'receive_order:{shipped}'",
        "UPDATE jobs SET state = 'ready' WHERE dedupe_key = 'receive_order:{shipped}'",
    ),
    (
        &["job.push"],
        "UPDATE pushes SET outcome = NULL WHERE event = 'trade_manage_remind_access_api'",
        "UPDATE pushes SET outcome = 'noted' WHERE event = 'trade_manage_remind_access_api'",
    ),
    (
        &["job.refund", "refund.ended"],
        "UPDATE refunds SET state = 'abnormal' WHERE order_id = {late}",
        "UPDATE refunds SET state = 'succeeded' WHERE order_id = {late}",
    ),
    (
        &["job.dead"],
        "UPDATE jobs SET state = 'dead' WHERE kind = 'query_payment' AND state = 'done'",
        "UPDATE jobs SET state = 'done' WHERE kind = 'query_payment' AND state = 'dead'",
    ),
    (
        &["job.dead"],
        "UPDATE jobs SET attempt = attempts_max + 1 WHERE dedupe_key = 'close_unpaid_order:{pending}'",
        "UPDATE jobs SET attempt = 0 WHERE dedupe_key = 'close_unpaid_order:{pending}'",
    ),
];

pub(super) const EVENTS: &[Mutant] = &[
    (
        &["event.dense"],
        "UPDATE event_log SET position = -1 WHERE position = 1",
        "UPDATE event_log SET position = 1 WHERE position = -1",
    ),
    (
        &["event.head"],
        "UPDATE event_heads SET last_position = last_position + 1 WHERE last_position > 0",
        "UPDATE event_heads SET last_position = last_position - 1 WHERE last_position > 0",
    ),
    (
        &["event.waiting"],
        "UPDATE event_facts SET event_id = 'order_paid:{paid}' WHERE event_id = 'order_placed:{pending}'",
        "UPDATE event_facts SET event_id = 'order_placed:{pending}' WHERE event_id = 'order_paid:{paid}'",
    ),
];

pub(super) const AUDIT: &[Mutant] = &[
    (
        &["audit.chain"],
        "UPDATE audit SET ip = CONCAT('x', ip) WHERE seq = 2",
        "UPDATE audit SET ip = SUBSTR(ip, 2) WHERE seq = 2",
    ),
    (
        &["audit.chain"],
        "UPDATE audit SET staff_id = staff_id + 1 WHERE seq = 1",
        "UPDATE audit SET staff_id = staff_id - 1 WHERE seq = 1",
    ),
    (&["audit.chain"], "UPDATE audit SET seq = -3 WHERE seq = 3", "UPDATE audit SET seq = 3 WHERE seq = -3"),
    (
        &["audit.chain"],
        "UPDATE audit SET seq = -seq WHERE seq = {audits}",
        "UPDATE audit SET seq = -seq WHERE seq = -{audits}",
    ),
    (&["audit.chain"], "UPDATE audit_head SET seq = seq + 1", "UPDATE audit_head SET seq = seq - 1"),
];
