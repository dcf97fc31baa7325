-- When a refund was sent last, why WeChat refused it then, and which closed refund it takes the place of: of one, once.
ALTER TABLE refunds ADD COLUMN last_sent_ms INTEGER NULL;
ALTER TABLE refunds ADD COLUMN last_error TEXT NULL;
ALTER TABLE refunds ADD COLUMN retry_of INTEGER NULL;
CREATE UNIQUE INDEX refunds_retry_of ON refunds (retry_of);
