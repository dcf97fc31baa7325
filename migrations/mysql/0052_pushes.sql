-- Messages that WeChat pushed, each once however often it was delivered.
CREATE TABLE pushes (
    id          BIGINT NOT NULL,
    appid       VARCHAR(32) NOT NULL,
    dedupe_key  VARCHAR(64) NOT NULL,
    event       VARCHAR(64) NOT NULL,
    content     MEDIUMTEXT NOT NULL,
    outcome     VARCHAR(32) NULL,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY pushes_dedupe_key (dedupe_key),
    KEY pushes_received_ms (received_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
