-- What was answered to a key; written in the transaction of the effect, so that one cannot be without the other.
CREATE TABLE idempotency_keys (
    scope        TEXT NOT NULL,
    key_hash     TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    reply        TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    PRIMARY KEY (scope, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_created_ms ON idempotency_keys (created_ms);
