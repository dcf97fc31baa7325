-- Callbacks of WeChat that were verified, as they came, by their id: stored before they are answered, settled after.
CREATE TABLE notices (
    notify_id   TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    subject     TEXT NOT NULL,
    headers     TEXT NOT NULL,
    body        TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    received    INTEGER NOT NULL,
    failures    INTEGER NOT NULL,
    due_ms      INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL,
    settled_ms  INTEGER NULL,
    PRIMARY KEY (notify_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_outcome_due_ms ON notices (outcome, due_ms);
CREATE INDEX notices_subject ON notices (subject);
