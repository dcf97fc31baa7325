-- Shelves.
CREATE TABLE categories (
    id         BIGINT NOT NULL,
    name       VARCHAR(64) NOT NULL,
    position   BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
