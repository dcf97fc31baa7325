-- What WeChat told about the sending of an order: its reminder, the buyer's confirmation, the settlement.
CREATE TABLE shipping_reports (
    order_id                BIGINT NOT NULL,
    reminded_ms             BIGINT NULL,
    shipped_ms              BIGINT NULL,
    estimated_settlement_ms BIGINT NULL,
    confirm_method          VARCHAR(16) NULL,
    confirmed_ms            BIGINT NULL,
    settled_ms              BIGINT NULL,
    PRIMARY KEY (order_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
