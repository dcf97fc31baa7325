-- What is sold. price_fen and sales are kept here because lists are sorted by them.
CREATE TABLE products (
    id          INTEGER NOT NULL PRIMARY KEY,
    category_id INTEGER NOT NULL,
    title       TEXT NOT NULL,
    subtitle    TEXT NOT NULL,
    detail      TEXT NOT NULL,
    cover_url   TEXT NOT NULL,
    pictures    TEXT NOT NULL,
    price_fen   INTEGER NOT NULL,
    sales       INTEGER NOT NULL,
    state       TEXT NOT NULL,
    version     INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX products_category_id_state_id ON products (category_id, state, id);
CREATE INDEX products_state_id ON products (state, id);
CREATE INDEX products_state_sales_id ON products (state, sales, id);
CREATE INDEX products_state_price_fen_id ON products (state, price_fen, id);
