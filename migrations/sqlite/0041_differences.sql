-- In what the shop and a bill differ: an inbox for staff. The key of day, kind and subject makes comparing a day again harmless.
CREATE TABLE differences (
    id          INTEGER NOT NULL PRIMARY KEY,
    day         INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    wechat_no   TEXT NOT NULL,
    own_no      TEXT NOT NULL,
    order_id    INTEGER NULL,
    bill_fen    INTEGER NULL,
    own_fen     INTEGER NULL,
    bill_state  TEXT NOT NULL,
    own_state   TEXT NOT NULL,
    happened_ms INTEGER NOT NULL,
    state       TEXT NOT NULL,
    note        TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    ended_ms    INTEGER NULL
) STRICT;
CREATE UNIQUE INDEX differences_day_kind_subject ON differences (day, kind, subject);
CREATE INDEX differences_state_id ON differences (state, id);
CREATE INDEX differences_wechat_no ON differences (wechat_no);
