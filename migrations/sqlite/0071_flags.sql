-- Feature flags; a rule is JSON.
CREATE TABLE flags (
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    rule       TEXT NOT NULL,
    staff_id   INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;
