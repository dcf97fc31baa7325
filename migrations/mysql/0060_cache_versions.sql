-- How often what is cached of a kind was changed. Every node looks each second: for what may be shown for long.
CREATE TABLE cache_versions (
    namespace VARCHAR(32) NOT NULL,
    version   BIGINT NOT NULL,
    PRIMARY KEY (namespace)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
