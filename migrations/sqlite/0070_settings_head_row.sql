-- Nothing was changed yet.
INSERT INTO settings_head (id, version) VALUES (1, 0);
