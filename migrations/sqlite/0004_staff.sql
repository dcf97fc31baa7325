-- Members of staff.
CREATE TABLE staff (
    id            INTEGER NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    permissions   TEXT NOT NULL,
    active        INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX staff_name ON staff (name);
