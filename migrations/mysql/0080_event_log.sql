-- What happens in the shop, in partitions: places are dense and in the order of commits.
CREATE TABLE event_log (
    partition_no BIGINT NOT NULL,
    position     BIGINT NOT NULL,
    event_id     VARCHAR(40) NOT NULL,
    source       VARCHAR(40) NOT NULL,
    visitor      VARCHAR(41) NOT NULL,
    kind         VARCHAR(16) NOT NULL,
    occurred_ms  BIGINT NOT NULL,
    received_ms  BIGINT NOT NULL,
    page         VARCHAR(100) NOT NULL,
    channel      VARCHAR(32) NOT NULL,
    product_id   BIGINT NULL,
    amount_fen   BIGINT NOT NULL,
    name         VARCHAR(100) NOT NULL,
    detail       VARCHAR(1000) NOT NULL,
    PRIMARY KEY (partition_no, position),
    UNIQUE KEY event_log_event_id (partition_no, event_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
