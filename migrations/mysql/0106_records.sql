-- What processes agree on among themselves; staff change settings, which have their own table and rules.
CREATE TABLE records (
    name       VARCHAR(64) NOT NULL,
    version    BIGINT NOT NULL,
    value      TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
