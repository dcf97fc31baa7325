-- What buyers mean to buy.
CREATE TABLE cart_items (
    user_id    INTEGER NOT NULL,
    sku_id     INTEGER NOT NULL,
    qty        INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (user_id, sku_id)
) STRICT, WITHOUT ROWID;
