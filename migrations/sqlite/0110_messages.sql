-- Subscribe messages: one for each thing that is told.
CREATE TABLE messages (
    id          INTEGER NOT NULL PRIMARY KEY,
    occasion    TEXT NOT NULL,
    subject_id  INTEGER NOT NULL,
    order_id    INTEGER NOT NULL,
    user_id     INTEGER NOT NULL,
    appid       TEXT NOT NULL,
    template_id TEXT NOT NULL,
    state       TEXT NOT NULL,
    content     TEXT NOT NULL,
    code        TEXT NULL,
    cause       TEXT NULL,
    msgid       TEXT NULL,
    created_ms  INTEGER NOT NULL,
    ended_ms    INTEGER NULL
) STRICT;
CREATE UNIQUE INDEX messages_occasion_subject_id ON messages (occasion, subject_id);
CREATE INDEX messages_user_id_state ON messages (user_id, state);
CREATE INDEX messages_appid_msgid ON messages (appid, msgid);
CREATE INDEX messages_state_id ON messages (state, id);
CREATE INDEX messages_created_ms ON messages (created_ms);
