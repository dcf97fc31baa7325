-- Figures that WeChat counts of a mini-program, by day.
CREATE TABLE visits (
    appid   VARCHAR(32) NOT NULL,
    day     BIGINT NOT NULL,
    scope   VARCHAR(16) NOT NULL,
    name    VARCHAR(255) NOT NULL,
    metric  VARCHAR(32) NOT NULL,
    value   BIGINT NOT NULL,
    PRIMARY KEY (appid, day, scope, name, metric)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
