-- Feature flags; a rule is JSON.
CREATE TABLE flags (
    name       VARCHAR(64) NOT NULL,
    version    BIGINT NOT NULL,
    rule       MEDIUMTEXT NOT NULL,
    staff_id   BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
