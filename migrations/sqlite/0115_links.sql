-- Links from outside into a mini-program.
CREATE TABLE links (
    id          INTEGER NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    appid       TEXT NOT NULL,
    page        TEXT NOT NULL,
    query       TEXT NOT NULL,
    version     TEXT NOT NULL,
    url         TEXT NOT NULL,
    expires_ms  INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX links_fingerprint_expires_ms ON links (fingerprint, expires_ms);
CREATE INDEX links_appid_created_ms ON links (appid, created_ms);
