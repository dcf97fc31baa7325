-- Where parcels go; sealed, since it is personal data.
CREATE TABLE addresses (
    id         BIGINT NOT NULL,
    user_id    BIGINT NOT NULL,
    sealed     BLOB NOT NULL,
    is_default BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY addresses_user_id (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
