-- Figures that WeChat counts of a mini-program, by day.
CREATE TABLE visits (
    appid   TEXT NOT NULL,
    day     INTEGER NOT NULL,
    scope   TEXT NOT NULL,
    name    TEXT NOT NULL,
    metric  TEXT NOT NULL,
    value   INTEGER NOT NULL,
    PRIMARY KEY (appid, day, scope, name, metric)
) STRICT, WITHOUT ROWID;
