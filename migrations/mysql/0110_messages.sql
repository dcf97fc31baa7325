-- Subscribe messages: one for each thing that is told.
CREATE TABLE messages (
    id          BIGINT NOT NULL,
    occasion    VARCHAR(32) NOT NULL,
    subject_id  BIGINT NOT NULL,
    order_id    BIGINT NOT NULL,
    user_id     BIGINT NOT NULL,
    appid       VARCHAR(32) NOT NULL,
    template_id VARCHAR(64) NOT NULL,
    state       VARCHAR(16) NOT NULL,
    content     TEXT NOT NULL,
    code        VARCHAR(32) NULL,
    cause       VARCHAR(255) NULL,
    msgid       VARCHAR(32) NULL,
    created_ms  BIGINT NOT NULL,
    ended_ms    BIGINT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY messages_occasion_subject_id (occasion, subject_id),
    KEY messages_user_id_state (user_id, state),
    KEY messages_appid_msgid (appid, msgid),
    KEY messages_state_id (state, id),
    KEY messages_created_ms (created_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
