-- A person in one mini-program. The pair is compared byte for byte: two openids may differ in case only.
CREATE TABLE identities (
    id                 BIGINT NOT NULL,
    user_id            BIGINT NOT NULL,
    appid              VARCHAR(32) NOT NULL,
    openid             VARCHAR(64) NOT NULL,
    session_key_sealed BLOB NOT NULL,
    created_ms         BIGINT NOT NULL,
    seen_ms            BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY identities_appid_openid (appid, openid),
    KEY identities_user_id (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
