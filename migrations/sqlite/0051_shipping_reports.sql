-- What WeChat told about the sending of an order: its reminder, the buyer's confirmation, the settlement.
CREATE TABLE shipping_reports (
    order_id                INTEGER NOT NULL PRIMARY KEY,
    reminded_ms             INTEGER NULL,
    shipped_ms              INTEGER NULL,
    estimated_settlement_ms INTEGER NULL,
    confirm_method          TEXT NULL,
    confirmed_ms            INTEGER NULL,
    settled_ms              INTEGER NULL
) STRICT;
