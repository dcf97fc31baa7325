-- The pictures that a buyer shows of what comes back, a JSON array of addresses.
ALTER TABLE refunds ADD COLUMN pictures TEXT NULL;
