-- Every change of a setting; no value: it was given back to the file.
CREATE TABLE setting_changes (
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    value      TEXT,
    staff_id   INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
