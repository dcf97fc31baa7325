-- Which queue takes the jobs whose routing key fits a pattern, and the gray queue that takes a share of them.
CREATE TABLE bindings (
    pattern      VARCHAR(100) NOT NULL,
    queue        VARCHAR(16) NOT NULL,
    gray_queue   VARCHAR(16) NULL,
    gray_percent BIGINT NOT NULL,
    PRIMARY KEY (pattern, queue)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
