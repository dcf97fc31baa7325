-- Pictures that somebody sends: allowed, then looked at and kept, in the end removed. What the columns of time mean stands in
-- the model. A pending upload has one of its owner's slots, any other has its own id there: nobody has more pending than slots.
CREATE TABLE uploads (
    id            INTEGER NOT NULL PRIMARY KEY,
    owner         TEXT NOT NULL,
    owner_id      INTEGER NOT NULL,
    slot          INTEGER NOT NULL,
    appid         TEXT NOT NULL,
    purpose       TEXT NOT NULL,
    content_type  TEXT NOT NULL,
    draft_key     TEXT NOT NULL,
    object_key    TEXT NOT NULL,
    thumbnail_key TEXT NOT NULL,
    bytes         INTEGER NOT NULL,
    width         INTEGER NOT NULL,
    height        INTEGER NOT NULL,
    state         TEXT NOT NULL,
    draft_left    INTEGER NOT NULL,
    attached      INTEGER NOT NULL,
    verdict       TEXT NOT NULL,
    trace_id      TEXT NOT NULL,
    claimed_ms    INTEGER NOT NULL,
    expires_ms    INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    updated_ms    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX uploads_owner ON uploads (owner, owner_id, slot);
CREATE UNIQUE INDEX uploads_object_key ON uploads (object_key);
CREATE UNIQUE INDEX uploads_thumbnail_key ON uploads (thumbnail_key);
CREATE INDEX uploads_expires ON uploads (state, expires_ms);
CREATE INDEX uploads_verdict ON uploads (verdict, id);
CREATE INDEX uploads_trace ON uploads (trace_id);
