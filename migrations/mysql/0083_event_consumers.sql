-- How far each consumer is in each partition, moved on in the transaction of what it made of the events.
CREATE TABLE event_consumers (
    consumer     VARCHAR(40) NOT NULL,
    partition_no BIGINT NOT NULL,
    position     BIGINT NOT NULL,
    updated_ms   BIGINT NOT NULL,
    PRIMARY KEY (consumer, partition_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
