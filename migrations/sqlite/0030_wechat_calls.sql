-- What WeChat was asked about an order, and what it answered: a line of its time line.
CREATE TABLE wechat_calls (
    id         INTEGER NOT NULL PRIMARY KEY,
    order_id   INTEGER NOT NULL,
    operation  TEXT NOT NULL,
    subject    TEXT NOT NULL,
    answer     TEXT NOT NULL,
    message    TEXT NOT NULL,
    took_ms    INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX wechat_calls_order_id_id ON wechat_calls (order_id, id);
CREATE INDEX wechat_calls_created_ms ON wechat_calls (created_ms);
