-- The server's own events, written with the fact, until they have their place in the log.
CREATE TABLE event_facts (
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
    PRIMARY KEY (event_id),
    KEY event_facts_received_ms (received_ms, event_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
