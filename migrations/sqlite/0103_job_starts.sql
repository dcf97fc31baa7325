-- How many jobs of a kind that is limited a minute were begun when; those older than a minute go.
CREATE TABLE job_starts (
    kind        TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    lease_token INTEGER NOT NULL,
    taken       INTEGER NOT NULL,
    PRIMARY KEY (kind, at_ms, lease_token)
) STRICT, WITHOUT ROWID;
