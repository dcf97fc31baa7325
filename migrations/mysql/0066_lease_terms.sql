-- Who led since when: one row a term, written in the transaction that begins it.
CREATE TABLE lease_terms (
    name       VARCHAR(64) NOT NULL,
    epoch      BIGINT NOT NULL,
    holder     VARCHAR(64) NOT NULL,
    started_ms BIGINT NOT NULL,
    PRIMARY KEY (name, epoch)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
