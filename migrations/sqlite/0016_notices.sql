-- Callbacks of WeChat that were verified, by their id: the second of two finds the first.
CREATE TABLE notices (
    notify_id   TEXT NOT NULL,
    kind        TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (notify_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_received_ms ON notices (received_ms);
