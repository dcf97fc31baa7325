-- The first day of each visitor.
CREATE TABLE figure_firsts (
    visitor TEXT NOT NULL,
    day     INTEGER NOT NULL,
    PRIMARY KEY (visitor)
) STRICT, WITHOUT ROWID;
CREATE INDEX figure_firsts_day ON figure_firsts (day);
