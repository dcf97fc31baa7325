-- How far each consumer is in each partition, moved on in the transaction of what it made of the events.
CREATE TABLE event_consumers (
    consumer     TEXT NOT NULL,
    partition_no INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL,
    PRIMARY KEY (consumer, partition_no)
) STRICT, WITHOUT ROWID;
