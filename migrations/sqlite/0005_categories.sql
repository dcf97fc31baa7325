-- Shelves.
CREATE TABLE categories (
    id         INTEGER NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    position   INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
