-- Mini-program codes: what each scene stands for.
CREATE TABLE codes (
    id          BIGINT NOT NULL,
    scene       VARCHAR(32) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    appid       VARCHAR(32) NOT NULL,
    page        VARCHAR(128) NOT NULL,
    query       TEXT NOT NULL,
    version     VARCHAR(16) NOT NULL,
    width       BIGINT NOT NULL,
    picture_url VARCHAR(255) NULL,
    created_ms  BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY codes_scene (scene),
    UNIQUE KEY codes_fingerprint (fingerprint)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
