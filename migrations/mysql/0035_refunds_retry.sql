-- When a refund was sent last, why WeChat refused it then, and which closed refund it takes the place of: of one, once.
ALTER TABLE refunds
    ADD COLUMN last_sent_ms BIGINT NULL,
    ADD COLUMN last_error VARCHAR(255) NULL,
    ADD COLUMN retry_of BIGINT NULL,
    ADD UNIQUE KEY refunds_retry_of (retry_of);
