-- The ledger of stock. One move of a kind for one order and SKU, so nothing is given back twice.
CREATE TABLE stock_moves (
    id         INTEGER NOT NULL PRIMARY KEY,
    sku_id     INTEGER NOT NULL,
    order_id   INTEGER NULL,
    kind       TEXT NOT NULL,
    delta      INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX stock_moves_order_id_sku_id_kind ON stock_moves (order_id, sku_id, kind);
CREATE INDEX stock_moves_sku_id ON stock_moves (sku_id);
