-- Callbacks that were refused although their content is WeChat's (our APIv3 key opened it): one row an id and reason.
CREATE TABLE refused_notices (
    notify_id   TEXT NOT NULL,
    reason      TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    subject     TEXT NOT NULL,
    headers     TEXT NOT NULL,
    body        TEXT NOT NULL,
    received    INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL,
    PRIMARY KEY (notify_id, reason)
) STRICT, WITHOUT ROWID;
CREATE INDEX refused_notices_subject ON refused_notices (subject);
