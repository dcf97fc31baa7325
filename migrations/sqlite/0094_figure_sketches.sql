-- The visitors of a day as a sketch of fixed size, for windows of many days.
CREATE TABLE figure_sketches (
    day       INTEGER NOT NULL,
    registers BLOB NOT NULL,
    PRIMARY KEY (day)
) STRICT, WITHOUT ROWID;
