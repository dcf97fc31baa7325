-- The visitors of a day as a sketch of fixed size, for windows of many days.
CREATE TABLE figure_sketches (
    day       BIGINT NOT NULL,
    registers BLOB NOT NULL,
    PRIMARY KEY (day)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
