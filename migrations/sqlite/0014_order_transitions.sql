-- Every move of every order; versions have no gap.
CREATE TABLE order_transitions (
    order_id   INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    step       TEXT NOT NULL,
    from_state TEXT NULL,
    to_state   TEXT NOT NULL,
    actor      TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (order_id, version)
) STRICT, WITHOUT ROWID;
