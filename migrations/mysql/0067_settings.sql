-- What differs from the file of settings while the shop runs; a value is JSON.
CREATE TABLE settings (
    name       VARCHAR(64) NOT NULL,
    version    BIGINT NOT NULL,
    value      MEDIUMTEXT NOT NULL,
    staff_id   BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
