-- How many jobs of a kind that is limited a minute were begun when; those older than a minute go.
CREATE TABLE job_starts (
    kind        VARCHAR(64) NOT NULL,
    at_ms       BIGINT NOT NULL,
    lease_token BIGINT NOT NULL,
    taken       BIGINT NOT NULL,
    PRIMARY KEY (kind, at_ms, lease_token)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
