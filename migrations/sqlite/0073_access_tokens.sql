-- WeChat's access token of each mini-program, sealed, for all nodes; who fetches the next one, and how often one was forced.
CREATE TABLE access_tokens (
    appid        TEXT NOT NULL PRIMARY KEY,
    token        BLOB NOT NULL,
    version      INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL,
    fetched_by   TEXT NOT NULL,
    fetched_ms   INTEGER NOT NULL,
    lease        INTEGER NOT NULL,
    lease_ms     INTEGER NOT NULL,
    forced_day   INTEGER NOT NULL,
    forced_count INTEGER NOT NULL,
    forced_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
