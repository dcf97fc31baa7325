-- Signed-in devices. Refresh tokens are computed from salt and generation: no token, not even its hash, is stored.
CREATE TABLE sign_ins (
    id         BIGINT NOT NULL,
    audience   VARCHAR(16) NOT NULL,
    holder_id  BIGINT NOT NULL,
    appid      VARCHAR(32) NOT NULL,
    openid     VARCHAR(64) NOT NULL,
    salt       BLOB NOT NULL,
    generation BIGINT NOT NULL,
    rotated_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT NULL,
    PRIMARY KEY (id),
    KEY sign_ins_audience_holder_id (audience, holder_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
