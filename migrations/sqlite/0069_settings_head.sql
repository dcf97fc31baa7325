-- How often settings and flags were changed: what every node asks for each second. Its lock puts the writers in a line.
CREATE TABLE settings_head (
    id      INTEGER NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT;
