-- Work outside a request; enqueued in the transaction of the change that needs it.
CREATE TABLE jobs (
    id           INTEGER NOT NULL PRIMARY KEY,
    kind         TEXT NOT NULL,
    payload      TEXT NOT NULL,
    state        TEXT NOT NULL,
    run_ms       INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    attempts_max INTEGER NOT NULL,
    lease_ms     INTEGER NOT NULL,
    lease_token  INTEGER NOT NULL,
    dedupe_key   TEXT NULL,
    last_error   TEXT NULL,
    created_ms   INTEGER NOT NULL,
    ended_ms     INTEGER NULL
) STRICT;
CREATE UNIQUE INDEX jobs_dedupe_key ON jobs (dedupe_key);
CREATE INDEX jobs_state_run_ms_id ON jobs (state, run_ms, id);
CREATE INDEX jobs_state_lease_ms ON jobs (state, lease_ms);
