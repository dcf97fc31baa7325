-- Until when a message to this person is being sent: WeChat refuses two at a time.
ALTER TABLE identities ADD COLUMN messaging_until_ms INTEGER NOT NULL DEFAULT 0;
