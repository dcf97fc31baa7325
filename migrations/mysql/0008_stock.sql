-- How many pieces are left: initial_qty plus all moves. A conditional UPDATE of left_qty is what stops overselling.
CREATE TABLE stock (
    sku_id      BIGINT NOT NULL,
    initial_qty BIGINT NOT NULL,
    left_qty    BIGINT NOT NULL,
    PRIMARY KEY (sku_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
