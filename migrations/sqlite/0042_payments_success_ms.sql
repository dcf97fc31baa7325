-- The payments of a day.
CREATE INDEX payments_success_ms ON payments (success_ms);
