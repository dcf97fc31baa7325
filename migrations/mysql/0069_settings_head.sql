-- How often settings and flags were changed: what every node asks for each second. Its lock puts the writers in a line.
CREATE TABLE settings_head (
    id      BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
