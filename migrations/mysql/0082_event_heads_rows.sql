-- Nothing has happened yet.
INSERT INTO event_heads (partition_no, last_position) VALUES (0, 0), (1, 0), (2, 0), (3, 0);
