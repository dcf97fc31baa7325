-- The processes that work on this database, one row a node number. A number stays with its holder until expires_ms; the ids
-- of the next holder begin after that.
CREATE TABLE nodes (
    number           BIGINT NOT NULL,
    holder           VARCHAR(64) NOT NULL,
    address          VARCHAR(64) NOT NULL,
    version          VARCHAR(32) NOT NULL,
    state            VARCHAR(16) NOT NULL,
    started_ms       BIGINT NOT NULL,
    heartbeat_ms     BIGINT NOT NULL,
    expires_ms       BIGINT NOT NULL,
    skew_ms          BIGINT NOT NULL,
    settings_version BIGINT NOT NULL,
    PRIMARY KEY (number)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
