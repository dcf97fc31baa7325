-- In what the shop and a bill differ: an inbox for staff. The key of day, kind and subject makes comparing a day again harmless.
CREATE TABLE differences (
    id          BIGINT NOT NULL,
    day         BIGINT NOT NULL,
    kind        VARCHAR(32) NOT NULL,
    subject     VARCHAR(64) NOT NULL,
    wechat_no   VARCHAR(64) NOT NULL,
    own_no      VARCHAR(64) NOT NULL,
    order_id    BIGINT NULL,
    bill_fen    BIGINT NULL,
    own_fen     BIGINT NULL,
    bill_state  VARCHAR(32) NOT NULL,
    own_state   VARCHAR(32) NOT NULL,
    happened_ms BIGINT NOT NULL,
    state       VARCHAR(16) NOT NULL,
    note        VARCHAR(255) NOT NULL,
    created_ms  BIGINT NOT NULL,
    ended_ms    BIGINT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY differences_day_kind_subject (day, kind, subject),
    KEY differences_state_id (state, id),
    KEY differences_wechat_no (wechat_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
