-- Parcels that left.
CREATE TABLE shipments (
    id          BIGINT NOT NULL,
    order_id    BIGINT NOT NULL,
    carrier     VARCHAR(32) NOT NULL,
    tracking_no VARCHAR(64) NOT NULL,
    created_ms  BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY shipments_order_id (order_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
