-- Every change of a flag; no rule: it was taken away.
CREATE TABLE flag_changes (
    name       VARCHAR(64) NOT NULL,
    version    BIGINT NOT NULL,
    rule       MEDIUMTEXT NULL,
    staff_id   BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (name, version)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
