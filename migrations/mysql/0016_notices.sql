-- Callbacks of WeChat that were verified, by their id: the second of two finds the first.
CREATE TABLE notices (
    notify_id   VARCHAR(64) NOT NULL,
    kind        VARCHAR(32) NOT NULL,
    body_sha256 VARCHAR(64) NOT NULL,
    outcome     VARCHAR(32) NOT NULL,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (notify_id),
    KEY notices_received_ms (received_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
