-- How many pieces are left: initial_qty plus all moves. A conditional UPDATE of left_qty is what stops overselling.
CREATE TABLE stock (
    sku_id      INTEGER NOT NULL PRIMARY KEY,
    initial_qty INTEGER NOT NULL,
    left_qty    INTEGER NOT NULL
) STRICT;
