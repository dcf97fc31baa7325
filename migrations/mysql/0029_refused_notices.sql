-- Callbacks that were refused although their content is WeChat's (our APIv3 key opened it): one row an id and reason.
CREATE TABLE refused_notices (
    notify_id   VARCHAR(64) NOT NULL,
    reason      VARCHAR(32) NOT NULL,
    event_type  VARCHAR(64) NOT NULL,
    subject     VARCHAR(64) NOT NULL,
    headers     MEDIUMTEXT NOT NULL,
    body        MEDIUMTEXT NOT NULL,
    received    BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    last_ms     BIGINT NOT NULL,
    PRIMARY KEY (notify_id, reason),
    KEY refused_notices_subject (subject)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
