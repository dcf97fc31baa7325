-- Every change of a flag; no rule: it was taken away.
CREATE TABLE flag_changes (
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    rule       TEXT,
    staff_id   INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
