-- The first day of each visitor.
CREATE TABLE figure_firsts (
    visitor VARCHAR(41) NOT NULL,
    day     BIGINT NOT NULL,
    PRIMARY KEY (visitor),
    KEY figure_firsts_day (day)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
