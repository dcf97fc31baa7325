-- Mini-program codes: what each scene stands for.
CREATE TABLE codes (
    id          INTEGER NOT NULL PRIMARY KEY,
    scene       TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    appid       TEXT NOT NULL,
    page        TEXT NOT NULL,
    query       TEXT NOT NULL,
    version     TEXT NOT NULL,
    width       INTEGER NOT NULL,
    picture_url TEXT NULL,
    created_ms  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX codes_scene ON codes (scene);
CREATE UNIQUE INDEX codes_fingerprint ON codes (fingerprint);
