-- Messages that WeChat pushed, each once however often it was delivered.
CREATE TABLE pushes (
    id          INTEGER NOT NULL PRIMARY KEY,
    appid       TEXT NOT NULL,
    dedupe_key  TEXT NOT NULL,
    event       TEXT NOT NULL,
    content     TEXT NOT NULL,
    outcome     TEXT NULL,
    received_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX pushes_dedupe_key ON pushes (dedupe_key);
CREATE INDEX pushes_received_ms ON pushes (received_ms);
