-- Where parcels go; sealed, since it is personal data.
CREATE TABLE addresses (
    id         INTEGER NOT NULL PRIMARY KEY,
    user_id    INTEGER NOT NULL,
    sealed     BLOB NOT NULL,
    is_default INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX addresses_user_id ON addresses (user_id);
