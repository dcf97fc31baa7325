-- How often what is cached of a kind was changed. Every node looks each second: for what may be shown for long.
CREATE TABLE cache_versions (
    namespace TEXT NOT NULL,
    version   INTEGER NOT NULL,
    PRIMARY KEY (namespace)
) STRICT;
