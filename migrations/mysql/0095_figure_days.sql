-- Days that were rolled up, and in how many windows the streamed figures differed from the events.
CREATE TABLE figure_days (
    day         BIGINT NOT NULL,
    events      BIGINT NOT NULL,
    differences BIGINT NOT NULL,
    example     VARCHAR(300) NOT NULL,
    rolled_ms   BIGINT NOT NULL,
    PRIMARY KEY (day)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
