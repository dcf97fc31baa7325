-- The ledger of stock. One move of a kind for one order and SKU, so nothing is given back twice.
CREATE TABLE stock_moves (
    id         BIGINT NOT NULL,
    sku_id     BIGINT NOT NULL,
    order_id   BIGINT NULL,
    kind       VARCHAR(16) NOT NULL,
    delta      BIGINT NOT NULL,
    actor      VARCHAR(64) NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY stock_moves_order_id_sku_id_kind (order_id, sku_id, kind),
    KEY stock_moves_sku_id (sku_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
