-- Attempts to be paid: one out_trade_no at WeChat each.
CREATE TABLE prepays (
    id           BIGINT NOT NULL,
    order_id     BIGINT NOT NULL,
    out_trade_no VARCHAR(32) NOT NULL,
    mchid        VARCHAR(32) NOT NULL,
    appid        VARCHAR(32) NOT NULL,
    openid       VARCHAR(64) NOT NULL,
    total_fen    BIGINT NOT NULL,
    state        VARCHAR(16) NOT NULL,
    prepay_id    VARCHAR(64) NULL,
    prepaid_ms   BIGINT NULL,
    created_ms   BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY prepays_out_trade_no (out_trade_no),
    KEY prepays_order_id (order_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
