-- Money that fits no order: it waits for staff, and nothing is lost.
CREATE TABLE suspense (
    transaction_id TEXT NOT NULL,
    reason         TEXT NOT NULL,
    out_trade_no   TEXT NOT NULL,
    total_fen      INTEGER NOT NULL,
    fact           TEXT NOT NULL,
    resolved       INTEGER NOT NULL,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (transaction_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX suspense_resolved_created_ms ON suspense (resolved, created_ms);
