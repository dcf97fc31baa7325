-- Days that are compared with WeChat's bills, and what a bill summed up to. day is yyyymmdd in Shanghai.
CREATE TABLE reconciliations (
    day          BIGINT NOT NULL,
    state        VARCHAR(16) NOT NULL,
    payments     BIGINT NOT NULL,
    payments_fen BIGINT NOT NULL,
    refunds      BIGINT NOT NULL,
    refunds_fen  BIGINT NOT NULL,
    entries      BIGINT NOT NULL,
    error        VARCHAR(500) NOT NULL,
    created_ms   BIGINT NOT NULL,
    done_ms      BIGINT NULL,
    PRIMARY KEY (day)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
