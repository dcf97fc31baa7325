-- A person in one mini-program. The pair is compared byte for byte: two openids may differ in case only.
CREATE TABLE identities (
    id                 INTEGER NOT NULL PRIMARY KEY,
    user_id            INTEGER NOT NULL,
    appid              TEXT NOT NULL,
    openid             TEXT NOT NULL,
    session_key_sealed BLOB NOT NULL,
    created_ms         INTEGER NOT NULL,
    seen_ms            INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX identities_appid_openid ON identities (appid, openid);
CREATE INDEX identities_user_id ON identities (user_id);
