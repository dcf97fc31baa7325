-- How many messages a person agreed to, by template.
CREATE TABLE message_consents (
    appid       VARCHAR(32) NOT NULL,
    openid      VARCHAR(64) NOT NULL,
    template_id VARCHAR(64) NOT NULL,
    told        BIGINT NOT NULL,
    confirmed   BIGINT NOT NULL,
    used        BIGINT NOT NULL,
    updated_ms  BIGINT NOT NULL,
    PRIMARY KEY (appid, openid, template_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
