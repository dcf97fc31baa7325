-- The events of a day, for figures that are made from the events anew.
CREATE INDEX event_log_occurred_ms ON event_log (occurred_ms);
