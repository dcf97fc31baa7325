-- How an order is sent, and what WeChat knows of it; one row an order.
CREATE TABLE shippings (
    order_id     INTEGER NOT NULL PRIMARY KEY,
    logistics    TEXT NOT NULL,
    contents     TEXT NOT NULL,
    split        INTEGER NOT NULL,
    all_sent     INTEGER NOT NULL,
    whole        INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    upload_state TEXT NOT NULL,
    upload_code  TEXT NULL,
    upload_cause TEXT NULL,
    tried_ms     INTEGER NULL,
    uploaded_ms  INTEGER NULL,
    receive_ms   INTEGER NULL,
    created_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX shippings_upload_state ON shippings (upload_state);
