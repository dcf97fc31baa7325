-- What the holder of a lease says by it: the address under a name, say.
ALTER TABLE leases
    ADD COLUMN value VARCHAR(255) NOT NULL DEFAULT '';
