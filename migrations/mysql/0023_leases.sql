-- Who leads, and since which epoch; a stale leader is told apart by it.
CREATE TABLE leases (
    name       VARCHAR(64) NOT NULL,
    holder     VARCHAR(64) NOT NULL,
    epoch      BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
