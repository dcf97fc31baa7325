-- What buyers mean to buy.
CREATE TABLE cart_items (
    user_id    BIGINT NOT NULL,
    sku_id     BIGINT NOT NULL,
    qty        BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, sku_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
