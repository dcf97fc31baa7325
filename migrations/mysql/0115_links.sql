-- Links from outside into a mini-program.
CREATE TABLE links (
    id          BIGINT NOT NULL,
    kind        VARCHAR(16) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    appid       VARCHAR(32) NOT NULL,
    page        VARCHAR(128) NOT NULL,
    query       TEXT NOT NULL,
    version     VARCHAR(16) NOT NULL,
    url         VARCHAR(255) NOT NULL,
    expires_ms  BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY links_fingerprint_expires_ms (fingerprint, expires_ms),
    KEY links_appid_created_ms (appid, created_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
