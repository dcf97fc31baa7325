-- Every change of a setting; no value: it was given back to the file.
CREATE TABLE setting_changes (
    name       VARCHAR(64) NOT NULL,
    version    BIGINT NOT NULL,
    value      MEDIUMTEXT NULL,
    staff_id   BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (name, version)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
