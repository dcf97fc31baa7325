-- Parcels that left.
CREATE TABLE shipments (
    id          INTEGER NOT NULL PRIMARY KEY,
    order_id    INTEGER NOT NULL,
    carrier     TEXT NOT NULL,
    tracking_no TEXT NOT NULL,
    created_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX shipments_order_id ON shipments (order_id);
