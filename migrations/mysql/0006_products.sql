-- What is sold. price_fen and sales are kept here because lists are sorted by them.
CREATE TABLE products (
    id          BIGINT NOT NULL,
    category_id BIGINT NOT NULL,
    title       VARCHAR(120) NOT NULL,
    subtitle    VARCHAR(255) NOT NULL,
    detail      MEDIUMTEXT NOT NULL,
    cover_url   VARCHAR(255) NOT NULL,
    pictures    MEDIUMTEXT NOT NULL,
    price_fen   BIGINT NOT NULL,
    sales       BIGINT NOT NULL,
    state       VARCHAR(16) NOT NULL,
    version     BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL,
    updated_ms  BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY products_category_id_state_id (category_id, state, id),
    KEY products_state_id (state, id),
    KEY products_state_sales_id (state, sales, id),
    KEY products_state_price_fen_id (state, price_fen, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
