-- What was bought, as it was called and priced when the order was placed.
CREATE TABLE order_lines (
    order_id   BIGINT NOT NULL,
    sku_id     BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    title      VARCHAR(120) NOT NULL,
    sku_name   VARCHAR(120) NOT NULL,
    cover_url  VARCHAR(255) NOT NULL,
    price_fen  BIGINT NOT NULL,
    qty        BIGINT NOT NULL,
    PRIMARY KEY (order_id, sku_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
