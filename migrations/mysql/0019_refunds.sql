-- Money that goes back. out_refund_no is fixed here, before WeChat is asked, and the same on every retry.
CREATE TABLE refunds (
    id             BIGINT NOT NULL,
    order_id       BIGINT NOT NULL,
    transaction_id VARCHAR(64) NOT NULL,
    out_refund_no  VARCHAR(64) NOT NULL,
    refund_id      VARCHAR(64) NULL,
    amount_fen     BIGINT NOT NULL,
    paid_fen       BIGINT NOT NULL,
    cause          VARCHAR(16) NOT NULL,
    reason         VARCHAR(255) NOT NULL,
    state          VARCHAR(16) NOT NULL,
    created_ms     BIGINT NOT NULL,
    sent_ms        BIGINT NULL,
    ended_ms       BIGINT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY refunds_out_refund_no (out_refund_no),
    KEY refunds_order_id (order_id),
    KEY refunds_transaction_id (transaction_id),
    KEY refunds_state_id (state, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
