-- When the person went; what is left of it is a name for the books.
ALTER TABLE users
    ADD COLUMN deleted_ms BIGINT NULL;
