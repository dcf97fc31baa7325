-- How money in suspense was resolved, by whom and why. id orders the inbox; rows from before this file have none.
ALTER TABLE suspense ADD COLUMN id INTEGER NULL;
ALTER TABLE suspense ADD COLUMN resolution TEXT NULL;
ALTER TABLE suspense ADD COLUMN note TEXT NULL;
ALTER TABLE suspense ADD COLUMN staff_id INTEGER NULL;
ALTER TABLE suspense ADD COLUMN resolved_ms INTEGER NULL;
