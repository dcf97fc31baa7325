-- What was bought, as it was called and priced when the order was placed.
CREATE TABLE order_lines (
    order_id   INTEGER NOT NULL,
    sku_id     INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    title      TEXT NOT NULL,
    sku_name   TEXT NOT NULL,
    cover_url  TEXT NOT NULL,
    price_fen  INTEGER NOT NULL,
    qty        INTEGER NOT NULL,
    PRIMARY KEY (order_id, sku_id)
) STRICT, WITHOUT ROWID;
