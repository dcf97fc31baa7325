-- Who was seen on a day, where and as what: what is distinct is counted from these rows.
CREATE TABLE figure_visitors (
    day       BIGINT NOT NULL,
    scope     VARCHAR(8) NOT NULL,
    visitor   VARCHAR(41) NOT NULL,
    role      VARCHAR(16) NOT NULL,
    scope_key VARCHAR(100) NOT NULL,
    PRIMARY KEY (day, scope, visitor, role, scope_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
