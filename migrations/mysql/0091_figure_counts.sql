-- Figures by minute, hour and day: how often, how much money.
CREATE TABLE figure_counts (
    grain      VARCHAR(6) NOT NULL,
    scope      VARCHAR(8) NOT NULL,
    scope_key  VARCHAR(100) NOT NULL,
    metric     VARCHAR(16) NOT NULL,
    start_ms   BIGINT NOT NULL,
    total      BIGINT NOT NULL,
    amount_fen BIGINT NOT NULL,
    PRIMARY KEY (grain, scope, scope_key, metric, start_ms),
    KEY figure_counts_start_ms (grain, start_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
