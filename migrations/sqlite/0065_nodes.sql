-- The processes that work on this database, one row a node number. A number stays with its holder until expires_ms; the ids
-- of the next holder begin after that.
CREATE TABLE nodes (
    number           INTEGER NOT NULL PRIMARY KEY,
    holder           TEXT NOT NULL,
    address          TEXT NOT NULL,
    version          TEXT NOT NULL,
    state            TEXT NOT NULL,
    started_ms       INTEGER NOT NULL,
    heartbeat_ms     INTEGER NOT NULL,
    expires_ms       INTEGER NOT NULL,
    skew_ms          INTEGER NOT NULL,
    settings_version INTEGER NOT NULL
) STRICT;
