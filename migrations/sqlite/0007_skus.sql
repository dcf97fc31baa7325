-- What of a product can be bought, and for how much.
CREATE TABLE skus (
    id         INTEGER NOT NULL PRIMARY KEY,
    product_id INTEGER NOT NULL,
    name       TEXT NOT NULL,
    price_fen  INTEGER NOT NULL,
    active     INTEGER NOT NULL,
    position   INTEGER NOT NULL
) STRICT;
CREATE INDEX skus_product_id_position ON skus (product_id, position);
