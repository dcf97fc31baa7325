-- The last place of each partition; whoever appends holds it until its commit.
CREATE TABLE event_heads (
    partition_no  INTEGER NOT NULL,
    last_position INTEGER NOT NULL,
    PRIMARY KEY (partition_no)
) STRICT, WITHOUT ROWID;
