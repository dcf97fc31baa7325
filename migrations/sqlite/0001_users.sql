-- People. One person may have an identity in several mini-programs; unionid says that they are one.
CREATE TABLE users (
    id           INTEGER NOT NULL PRIMARY KEY,
    unionid      TEXT NULL,
    nickname     TEXT NOT NULL,
    avatar_url   TEXT NOT NULL,
    phone_sealed BLOB NULL,
    phone_index  TEXT NULL,
    state        TEXT NOT NULL,
    version      INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX users_unionid ON users (unionid);
CREATE UNIQUE INDEX users_phone_index ON users (phone_index);
