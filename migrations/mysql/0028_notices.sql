-- Callbacks of WeChat that were verified, as they came, by their id: stored before they are answered, settled after.
CREATE TABLE notices (
    notify_id   VARCHAR(64) NOT NULL,
    event_type  VARCHAR(64) NOT NULL,
    subject     VARCHAR(64) NOT NULL,
    headers     MEDIUMTEXT NOT NULL,
    body        MEDIUMTEXT NOT NULL,
    outcome     VARCHAR(32) NOT NULL,
    received    BIGINT NOT NULL,
    failures    BIGINT NOT NULL,
    due_ms      BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    last_ms     BIGINT NOT NULL,
    settled_ms  BIGINT NULL,
    PRIMARY KEY (notify_id),
    KEY notices_outcome_due_ms (outcome, due_ms),
    KEY notices_subject (subject)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
