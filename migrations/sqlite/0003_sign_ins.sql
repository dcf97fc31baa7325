-- Signed-in devices. Refresh tokens are computed from salt and generation: no token, not even its hash, is stored.
CREATE TABLE sign_ins (
    id         INTEGER NOT NULL PRIMARY KEY,
    audience   TEXT NOT NULL,
    holder_id  INTEGER NOT NULL,
    appid      TEXT NOT NULL,
    openid     TEXT NOT NULL,
    salt       BLOB NOT NULL,
    generation INTEGER NOT NULL,
    rotated_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER NULL
) STRICT;
CREATE INDEX sign_ins_audience_holder_id ON sign_ins (audience, holder_id);
