-- Days that were rolled up, and in how many windows the streamed figures differed from the events.
CREATE TABLE figure_days (
    day         INTEGER NOT NULL,
    events      INTEGER NOT NULL,
    differences INTEGER NOT NULL,
    example     TEXT NOT NULL,
    rolled_ms   INTEGER NOT NULL,
    PRIMARY KEY (day)
) STRICT, WITHOUT ROWID;
