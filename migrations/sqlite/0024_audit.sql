-- Every change that staff made, chained by hash: a row that is altered or missing shows.
CREATE TABLE audit (
    seq        INTEGER NOT NULL PRIMARY KEY,
    at_ms      INTEGER NOT NULL,
    staff_id   INTEGER NOT NULL,
    ip         TEXT NOT NULL,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    detail     TEXT NOT NULL,
    request_id TEXT NOT NULL,
    prev_hash  TEXT NOT NULL,
    hash       TEXT NOT NULL
) STRICT;
CREATE INDEX audit_target_seq ON audit (target, seq);
