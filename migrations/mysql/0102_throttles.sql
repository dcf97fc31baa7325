-- Kinds and queues of jobs that are paused or limited.
CREATE TABLE throttles (
    scope       VARCHAR(16) NOT NULL,
    name        VARCHAR(64) NOT NULL,
    paused      BOOLEAN NOT NULL,
    running_max BIGINT NULL,
    per_minute  BIGINT NULL,
    PRIMARY KEY (scope, name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
