-- Money that goes back. out_refund_no is fixed here, before WeChat is asked, and the same on every retry.
CREATE TABLE refunds (
    id             INTEGER NOT NULL PRIMARY KEY,
    order_id       INTEGER NOT NULL,
    transaction_id TEXT NOT NULL,
    out_refund_no  TEXT NOT NULL,
    refund_id      TEXT NULL,
    amount_fen     INTEGER NOT NULL,
    paid_fen       INTEGER NOT NULL,
    cause          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    state          TEXT NOT NULL,
    created_ms     INTEGER NOT NULL,
    sent_ms        INTEGER NULL,
    ended_ms       INTEGER NULL
) STRICT;
CREATE UNIQUE INDEX refunds_out_refund_no ON refunds (out_refund_no);
CREATE INDEX refunds_order_id ON refunds (order_id);
CREATE INDEX refunds_transaction_id ON refunds (transaction_id);
CREATE INDEX refunds_state_id ON refunds (state, id);
