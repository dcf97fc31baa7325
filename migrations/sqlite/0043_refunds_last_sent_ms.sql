-- The refunds of a day.
CREATE INDEX refunds_last_sent_ms ON refunds (last_sent_ms);
