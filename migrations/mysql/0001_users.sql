-- People. One person may have an identity in several mini-programs; unionid says that they are one.
CREATE TABLE users (
    id           BIGINT NOT NULL,
    unionid      VARCHAR(64) NULL,
    nickname     VARCHAR(64) NOT NULL,
    avatar_url   VARCHAR(255) NOT NULL,
    phone_sealed BLOB NULL,
    phone_index  VARCHAR(64) NULL,
    state        VARCHAR(16) NOT NULL,
    version      BIGINT NOT NULL,
    created_ms   BIGINT NOT NULL,
    updated_ms   BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY users_unionid (unionid),
    UNIQUE KEY users_phone_index (phone_index)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
