-- Kinds and queues of jobs that are paused or limited.
CREATE TABLE throttles (
    scope       TEXT NOT NULL,
    name        TEXT NOT NULL,
    paused      INTEGER NOT NULL,
    running_max INTEGER NULL,
    per_minute  INTEGER NULL,
    PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;
