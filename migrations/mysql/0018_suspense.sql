-- Money that fits no order: it waits for staff, and nothing is lost.
CREATE TABLE suspense (
    transaction_id VARCHAR(64) NOT NULL,
    reason         VARCHAR(32) NOT NULL,
    out_trade_no   VARCHAR(64) NOT NULL,
    total_fen      BIGINT NOT NULL,
    fact           MEDIUMTEXT NOT NULL,
    resolved       BOOLEAN NOT NULL,
    created_ms     BIGINT NOT NULL,
    PRIMARY KEY (transaction_id),
    KEY suspense_resolved_created_ms (resolved, created_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
