-- The session keys before the present one, sealed: a client that encrypts while it signs in elsewhere may still use one.
ALTER TABLE identities
    ADD COLUMN earlier_keys_sealed BLOB NULL;
