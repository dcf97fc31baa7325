-- Work outside a request; enqueued in the transaction of the change that needs it.
CREATE TABLE jobs (
    id           BIGINT NOT NULL,
    kind         VARCHAR(64) NOT NULL,
    payload      MEDIUMTEXT NOT NULL,
    state        VARCHAR(16) NOT NULL,
    run_ms       BIGINT NOT NULL,
    attempt      BIGINT NOT NULL,
    attempts_max BIGINT NOT NULL,
    lease_ms     BIGINT NOT NULL,
    lease_token  BIGINT NOT NULL,
    dedupe_key   VARCHAR(64) NULL,
    last_error   MEDIUMTEXT NULL,
    created_ms   BIGINT NOT NULL,
    ended_ms     BIGINT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY jobs_dedupe_key (dedupe_key),
    KEY jobs_state_run_ms_id (state, run_ms, id),
    KEY jobs_state_lease_ms (state, lease_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
