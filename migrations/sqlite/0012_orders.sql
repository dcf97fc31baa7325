-- Orders. refund_held_fen is set aside by a conditional UPDATE, so that refunds never exceed what was paid.
CREATE TABLE orders (
    id              INTEGER NOT NULL PRIMARY KEY,
    number          TEXT NOT NULL,
    user_id         INTEGER NOT NULL,
    appid           TEXT NOT NULL,
    openid          TEXT NOT NULL,
    state           TEXT NOT NULL,
    version         INTEGER NOT NULL,
    goods_fen       INTEGER NOT NULL,
    freight_fen     INTEGER NOT NULL,
    total_fen       INTEGER NOT NULL,
    refund_held_fen INTEGER NOT NULL,
    refunded_fen    INTEGER NOT NULL,
    address_sealed  BLOB NOT NULL,
    remark          TEXT NOT NULL,
    expires_ms      INTEGER NOT NULL,
    created_ms      INTEGER NOT NULL,
    paid_ms         INTEGER NULL
) STRICT;
CREATE UNIQUE INDEX orders_number ON orders (number);
CREATE INDEX orders_user_id_id ON orders (user_id, id);
CREATE INDEX orders_user_id_state_id ON orders (user_id, state, id);
CREATE INDEX orders_state_id ON orders (state, id);
