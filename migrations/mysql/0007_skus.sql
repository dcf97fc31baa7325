-- What of a product can be bought, and for how much.
CREATE TABLE skus (
    id         BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    name       VARCHAR(120) NOT NULL,
    price_fen  BIGINT NOT NULL,
    active     BOOLEAN NOT NULL,
    position   BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY skus_product_id_position (product_id, position)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
