-- How money in suspense was resolved, by whom and why. id orders the inbox; rows from before this file have none.
ALTER TABLE suspense
    ADD COLUMN id BIGINT NULL,
    ADD COLUMN resolution VARCHAR(16) NULL,
    ADD COLUMN note VARCHAR(255) NULL,
    ADD COLUMN staff_id BIGINT NULL,
    ADD COLUMN resolved_ms BIGINT NULL;
