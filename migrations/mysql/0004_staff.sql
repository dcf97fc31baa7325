-- Members of staff.
CREATE TABLE staff (
    id            BIGINT NOT NULL,
    name          VARCHAR(64) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    permissions   VARCHAR(255) NOT NULL,
    active        BOOLEAN NOT NULL,
    created_ms    BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY staff_name (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
