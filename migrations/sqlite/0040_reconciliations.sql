-- Days that are compared with WeChat's bills, and what a bill summed up to. day is yyyymmdd in Shanghai.
CREATE TABLE reconciliations (
    day          INTEGER NOT NULL PRIMARY KEY,
    state        TEXT NOT NULL,
    payments     INTEGER NOT NULL,
    payments_fen INTEGER NOT NULL,
    refunds      INTEGER NOT NULL,
    refunds_fen  INTEGER NOT NULL,
    entries      INTEGER NOT NULL,
    error        TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    done_ms      INTEGER NULL
) STRICT;
