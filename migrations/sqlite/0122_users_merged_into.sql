-- Who this person turned out to be: its orders and all else moved there.
ALTER TABLE users ADD COLUMN merged_into INTEGER NULL;
