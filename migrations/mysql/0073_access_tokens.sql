-- WeChat's access token of each mini-program, sealed, for all nodes; who fetches the next one, and how often one was forced.
CREATE TABLE access_tokens (
    appid        VARCHAR(64) NOT NULL,
    token        BLOB NOT NULL,
    version      BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL,
    fetched_by   VARCHAR(64) NOT NULL,
    fetched_ms   BIGINT NOT NULL,
    lease        BIGINT NOT NULL,
    lease_ms     BIGINT NOT NULL,
    forced_day   BIGINT NOT NULL,
    forced_count BIGINT NOT NULL,
    forced_ms    BIGINT NOT NULL,
    PRIMARY KEY (appid)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
