-- The refunds of a day.
CREATE INDEX refunds_sent_ms ON refunds (sent_ms);
