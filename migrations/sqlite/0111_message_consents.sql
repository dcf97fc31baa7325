-- How many messages a person agreed to, by template.
CREATE TABLE message_consents (
    appid       TEXT NOT NULL,
    openid      TEXT NOT NULL,
    template_id TEXT NOT NULL,
    told        INTEGER NOT NULL,
    confirmed   INTEGER NOT NULL,
    used        INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    PRIMARY KEY (appid, openid, template_id)
) STRICT, WITHOUT ROWID;
