-- Who was seen on a day, where and as what: what is distinct is counted from these rows.
CREATE TABLE figure_visitors (
    day       INTEGER NOT NULL,
    scope     TEXT NOT NULL,
    visitor   TEXT NOT NULL,
    role      TEXT NOT NULL,
    scope_key TEXT NOT NULL,
    PRIMARY KEY (day, scope, visitor, role, scope_key)
) STRICT, WITHOUT ROWID;
