-- What differs from the file of settings while the shop runs; a value is JSON.
CREATE TABLE settings (
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    value      TEXT NOT NULL,
    staff_id   INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;
