-- The last place of each partition; whoever appends holds it until its commit.
CREATE TABLE event_heads (
    partition_no  BIGINT NOT NULL,
    last_position BIGINT NOT NULL,
    PRIMARY KEY (partition_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
