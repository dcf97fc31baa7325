-- Money that arrived for an order we know. accepted = it paid the order; if not, it goes back.
CREATE TABLE payments (
    id             BIGINT NOT NULL,
    transaction_id VARCHAR(64) NOT NULL,
    order_id       BIGINT NOT NULL,
    out_trade_no   VARCHAR(32) NOT NULL,
    total_fen      BIGINT NOT NULL,
    openid         VARCHAR(64) NOT NULL,
    accepted       BOOLEAN NOT NULL,
    source         VARCHAR(16) NOT NULL,
    success_ms     BIGINT NOT NULL,
    created_ms     BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY payments_transaction_id (transaction_id),
    KEY payments_order_id (order_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
