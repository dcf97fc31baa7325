-- The queue of a job, its turn, and both with its kind as one word, so that a kind that is held back is passed over.
ALTER TABLE jobs
    ADD COLUMN queue VARCHAR(16) NOT NULL DEFAULT 'default',
    ADD COLUMN priority BIGINT NOT NULL DEFAULT 1,
    ADD COLUMN lane VARCHAR(100) NOT NULL DEFAULT '',
    ADD COLUMN redrives BIGINT NOT NULL DEFAULT 0,
    ADD KEY jobs_state_lane_run_ms_id (state, lane, run_ms, id);
