-- What happens in the shop, in partitions: places are dense and in the order of commits.
CREATE TABLE event_log (
    partition_no INTEGER NOT NULL,
    position     INTEGER NOT NULL,
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
    PRIMARY KEY (partition_no, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX event_log_event_id ON event_log (partition_no, event_id);
