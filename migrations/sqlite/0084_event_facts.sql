-- The server's own events, written with the fact, until they have their place in the log.
CREATE TABLE event_facts (
    event_id     TEXT NOT NULL,
    source       TEXT NOT NULL,
    visitor      TEXT NOT NULL,
    kind         TEXT NOT NULL,
    occurred_ms  INTEGER NOT NULL,
    received_ms  INTEGER NOT NULL,
    page         TEXT NOT NULL,
    channel      TEXT NOT NULL,
    product_id   INTEGER NULL,
    amount_fen   INTEGER NOT NULL,
    name         TEXT NOT NULL,
    detail       TEXT NOT NULL,
    PRIMARY KEY (event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_facts_received_ms ON event_facts (received_ms, event_id);
