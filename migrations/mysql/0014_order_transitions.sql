-- Every move of every order; versions have no gap.
CREATE TABLE order_transitions (
    order_id   BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    step       VARCHAR(16) NOT NULL,
    from_state VARCHAR(16) NULL,
    to_state   VARCHAR(16) NOT NULL,
    actor      VARCHAR(64) NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (order_id, version)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
