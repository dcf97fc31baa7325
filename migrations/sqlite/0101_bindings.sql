-- Which queue takes the jobs whose routing key fits a pattern, and the gray queue that takes a share of them.
CREATE TABLE bindings (
    pattern      TEXT NOT NULL,
    queue        TEXT NOT NULL,
    gray_queue   TEXT NULL,
    gray_percent INTEGER NOT NULL,
    PRIMARY KEY (pattern, queue)
) STRICT, WITHOUT ROWID;
