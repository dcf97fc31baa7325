-- What WeChat was asked about an order, and what it answered: a line of its time line.
CREATE TABLE wechat_calls (
    id         BIGINT NOT NULL,
    order_id   BIGINT NOT NULL,
    operation  VARCHAR(32) NOT NULL,
    subject    VARCHAR(64) NOT NULL,
    answer     VARCHAR(64) NOT NULL,
    message    VARCHAR(512) NOT NULL,
    took_ms    BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY wechat_calls_order_id_id (order_id, id),
    KEY wechat_calls_created_ms (created_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
