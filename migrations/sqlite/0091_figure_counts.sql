-- Figures by minute, hour and day: how often, how much money.
CREATE TABLE figure_counts (
    grain      TEXT NOT NULL,
    scope      TEXT NOT NULL,
    scope_key  TEXT NOT NULL,
    metric     TEXT NOT NULL,
    start_ms   INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL,
    PRIMARY KEY (grain, scope, scope_key, metric, start_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX figure_counts_start_ms ON figure_counts (grain, start_ms);
