-- Attempts to be paid: one out_trade_no at WeChat each.
CREATE TABLE prepays (
    id           INTEGER NOT NULL PRIMARY KEY,
    order_id     INTEGER NOT NULL,
    out_trade_no TEXT NOT NULL,
    mchid        TEXT NOT NULL,
    appid        TEXT NOT NULL,
    openid       TEXT NOT NULL,
    total_fen    INTEGER NOT NULL,
    state        TEXT NOT NULL,
    prepay_id    TEXT NULL,
    prepaid_ms   INTEGER NULL,
    created_ms   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX prepays_out_trade_no ON prepays (out_trade_no);
CREATE INDEX prepays_order_id ON prepays (order_id);
