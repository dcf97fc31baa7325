-- What processes agree on among themselves; staff change settings, which have their own table and rules.
CREATE TABLE records (
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    value      TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;
