-- How an order is sent, and what WeChat knows of it; one row an order.
CREATE TABLE shippings (
    order_id     BIGINT NOT NULL,
    logistics    VARCHAR(16) NOT NULL,
    contents     VARCHAR(480) NOT NULL,
    split        BOOLEAN NOT NULL,
    all_sent     BOOLEAN NOT NULL,
    whole        BOOLEAN NOT NULL,
    version      BIGINT NOT NULL,
    upload_state VARCHAR(16) NOT NULL,
    upload_code  VARCHAR(64) NULL,
    upload_cause MEDIUMTEXT NULL,
    tried_ms     BIGINT NULL,
    uploaded_ms  BIGINT NULL,
    receive_ms   BIGINT NULL,
    created_ms   BIGINT NOT NULL,
    PRIMARY KEY (order_id),
    KEY shippings_upload_state (upload_state)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
