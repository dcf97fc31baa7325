-- What the holder of a lease says by it: the address under a name, say.
ALTER TABLE leases ADD COLUMN value TEXT NOT NULL DEFAULT '';
