-- What was answered to a key; written in the transaction of the effect, so that one cannot be without the other.
CREATE TABLE idempotency_keys (
    scope        VARCHAR(64) NOT NULL,
    key_hash     VARCHAR(64) NOT NULL,
    request_hash VARCHAR(64) NOT NULL,
    reply        MEDIUMTEXT NOT NULL,
    created_ms   BIGINT NOT NULL,
    PRIMARY KEY (scope, key_hash),
    KEY idempotency_keys_created_ms (created_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
