-- Who led since when: one row a term, written in the transaction that begins it.
CREATE TABLE lease_terms (
    name       TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    holder     TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    PRIMARY KEY (name, epoch)
) STRICT, WITHOUT ROWID;
