-- Every change that staff made, chained by hash: a row that is altered or missing shows.
CREATE TABLE audit (
    seq        BIGINT NOT NULL,
    at_ms      BIGINT NOT NULL,
    staff_id   BIGINT NOT NULL,
    ip         VARCHAR(64) NOT NULL,
    action     VARCHAR(64) NOT NULL,
    target     VARCHAR(64) NOT NULL,
    detail     MEDIUMTEXT NOT NULL,
    request_id VARCHAR(64) NOT NULL,
    prev_hash  VARCHAR(64) NOT NULL,
    hash       VARCHAR(64) NOT NULL,
    PRIMARY KEY (seq),
    KEY audit_target_seq (target, seq)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
