-- Money that arrived for an order we know. accepted = it paid the order; if not, it goes back.
CREATE TABLE payments (
    id             INTEGER NOT NULL PRIMARY KEY,
    transaction_id TEXT NOT NULL,
    order_id       INTEGER NOT NULL,
    out_trade_no   TEXT NOT NULL,
    total_fen      INTEGER NOT NULL,
    openid         TEXT NOT NULL,
    accepted       INTEGER NOT NULL,
    source         TEXT NOT NULL,
    success_ms     INTEGER NOT NULL,
    created_ms     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX payments_transaction_id ON payments (transaction_id);
CREATE INDEX payments_order_id ON payments (order_id);
