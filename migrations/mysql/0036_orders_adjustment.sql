-- What staff added to or took off the price of an order: goods + freight + adjustment = total.
ALTER TABLE orders
    ADD COLUMN adjustment_fen BIGINT NOT NULL DEFAULT 0;
